/*
 * Enclave images with one thing wrong, made without lib/eif: its own layout, its
 * own CRC (bit by bit), its own measurement (everything put together, then
 * hashed), so that an error of the library is not repeated here.
 */
#pragma once

#include <stdio.h>
#include <sys/mman.h>

#include <openssl/x509.h>

#include "lib/cbor.h"
#include "lib/cose.h"
#include "lib/eif.h"
#include "lib/num.h"
#include "lib/openssl_adapter.h"

static struct hm_err fx_err, *const fx_e = &fx_err;

#define FX_MUST(call)                                                          \
	do {                                                                   \
		if ((call) != HM_OK) {                                         \
			printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__,    \
			       fx_err.msg);                                    \
			exit(1);                                               \
		}                                                              \
	} while (0)

#define FX_MAX (1U << 20)
#define FX_SECTIONS 40
#define FX_METADATA "{\"ImageName\":\"t\",\"ImageVersion\":\"1\"}"
#define FX_DAY 86400000LL
#define FX_NOW 1767225600000LL	/* 2026 */

struct fx_section {
	unsigned int type, flags;
	struct hm_slice data;
	int64_t offset_by;	/* added to the header's offset, */
	int64_t table_by;	/* its size, */
	int64_t own_by;		/* and the section's own size */
};

struct fx {
	unsigned int version, flags, reserved, unused;
	uint64_t mem, cpus;
	int count_by;
	struct fx_section s[FX_SECTIONS];
	size_t count;
	unsigned int slot;	/* a slot of the offsets to fill; 0: none */
	unsigned int size_slot;
	uint32_t crc_xor;
	size_t cut, append;
};

static inline void fx_add(struct fx *f, unsigned int type, struct hm_slice data)
{
	f->s[f->count++] = (struct fx_section){.type = type, .data = data};
}

/* kernel, cmdline, metadata, two ramdisks. */
static inline struct fx fx_good(void)
{
	struct fx f = {.version = 4, .mem = 1ULL << 30, .cpus = 2};

	fx_add(&f, HM_EIF_KERNEL, hm_slice_str("kernel kernel"));
	fx_add(&f, HM_EIF_CMDLINE, hm_slice_str("reboot=k panic=30"));
	fx_add(&f, HM_EIF_METADATA, hm_slice_str(FX_METADATA));
	fx_add(&f, HM_EIF_RAMDISK, hm_slice_str("070701 first"));
	fx_add(&f, HM_EIF_RAMDISK, hm_slice_str("070701 second"));
	return f;
}

static inline uint32_t fx_crc_step(uint32_t v, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		v ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			v = (v >> 1) ^ (0xedb88320U & (0U - (v & 1)));
	}
	return v;
}

/* Over everything but bytes 544 to 547, which it sets. */
static inline void fx_set_crc(uint8_t *image, size_t len, uint32_t with)
{
	uint32_t v = fx_crc_step(0xffffffffU, image, 544);

	v = fx_crc_step(v, image + 548, len - 548);
	hm_put_u32be(image + 544, ~v ^ with);
}

static inline void fx_build(const struct fx *f, struct hm_buf *b)
{
	uint8_t header[548] = ".eif";
	uint64_t at = sizeof(header);

	hm_put_u16be(header + 4, (uint16_t)f->version);
	hm_put_u16be(header + 6, (uint16_t)f->flags);
	hm_put_u64be(header + 8, f->mem);
	hm_put_u64be(header + 16, f->cpus);
	hm_put_u16be(header + 24, (uint16_t)f->reserved);
	hm_put_u16be(header + 26, (uint16_t)((int)f->count + f->count_by));
	hm_put_u32be(header + 540, f->unused);
	for (size_t i = 0; i < f->count; i++) {
		const struct fx_section *s = &f->s[i];

		if (i < 32) {
			hm_put_u64be(header + 28 + 8 * i,
				     at + (uint64_t)s->offset_by);
			hm_put_u64be(header + 284 + 8 * i,
				     s->data.len + (uint64_t)s->table_by);
		}
		at += 12 + s->data.len;
	}
	if (f->slot)
		hm_put_u64be(header + 28 + 8 * f->slot, 1);
	if (f->size_slot)
		hm_put_u64be(header + 284 + 8 * f->size_slot, 1);
	hm_buf_release(b);
	FX_MUST(hm_buf_add(b, header, sizeof(header), fx_e));
	for (size_t i = 0; i < f->count; i++) {
		const struct fx_section *s = &f->s[i];
		uint8_t head[12] = {0};

		hm_put_u16be(head, (uint16_t)s->type);
		hm_put_u16be(head + 2, (uint16_t)s->flags);
		hm_put_u64be(head + 4, s->data.len + (uint64_t)s->own_by);
		FX_MUST(hm_buf_add(b, head, sizeof(head), fx_e));
		FX_MUST(hm_buf_add_slice(b, s->data, fx_e));
	}
	fx_set_crc(b->data, b->len, f->crc_xor);
	for (size_t i = 0; i < f->append; i++)
		FX_MUST(hm_buf_add(b, "", 1, fx_e));
	b->len -= f->cut;
}

static inline int fx_fd(struct hm_slice image)
{
	int fd = memfd_create("eif", MFD_CLOEXEC);

	if (fd < 0 || write(fd, image.ptr, image.len) != (ssize_t)image.len ||
	    lseek(fd, 0, SEEK_SET) != 0)
		exit(1);
	return fd;
}

static inline int fx_read(struct hm_slice image, struct hm_eif *e,
			  struct hm_err *err)
{
	AUTO_CLOSE int fd = fx_fd(image);

	return hm_eif_read(fd, e, err);
}

/* SHA-384(zeros, SHA-384(all)) */
static inline void fx_extend(struct hm_slice all, uint8_t pcr[48])
{
	uint8_t both[96] = {0};

	FX_MUST(hm_sha384(all, both + 48, fx_e));
	FX_MUST(hm_sha384(hm_slice(both, 96), pcr, fx_e));
}

static inline void fx_pcrs(const struct fx *f, uint8_t pcr[3][48])
{
	struct hm_buf m[3];
	int ramdisks = 0;

	for (int i = 0; i < 3; i++)
		hm_buf_init(&m[i], FX_MAX);
	for (size_t i = 0; i < f->count; i++) {
		const struct fx_section *s = &f->s[i];

		if (s->type < HM_EIF_KERNEL || s->type > HM_EIF_RAMDISK)
			continue;
		ramdisks += s->type == HM_EIF_RAMDISK;
		FX_MUST(hm_buf_add_slice(&m[0], s->data, fx_e));
		FX_MUST(hm_buf_add_slice(
			&m[s->type == HM_EIF_RAMDISK && ramdisks > 1 ? 2 : 1],
			s->data, fx_e));
	}
	for (int i = 0; i < 3; i++) {
		fx_extend(hm_buf_slice(&m[i]), pcr[i]);
		hm_buf_release(&m[i]);
	}
}

/* --- signing ----------------------------------------------------------------- */

struct fx_signer {
	struct hm_key *key;
	struct hm_buf der, pem;
};

static inline void fx_signer_make(struct fx_signer *s, enum hm_key_kind kind,
				  int64_t from_ms, int64_t to_ms)
{
	const unsigned char *cn = (const unsigned char *)"signer";
	X509 *x = X509_new();
	unsigned char *der = NULL;
	X509_NAME *name;
	int len;

	hm_buf_init(&s->der, 4096);
	hm_buf_init(&s->pem, 8192);
	FX_MUST(hm_key_generate(kind, &s->key, fx_e));
	name = X509_get_subject_name(x);
	HM_BUG_ON(X509_set_version(x, X509_VERSION_3) != 1 ||
		  ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
		  !ASN1_TIME_set(X509_getm_notBefore(x), from_ms / 1000) ||
		  !ASN1_TIME_set(X509_getm_notAfter(x), to_ms / 1000) ||
		  X509_set_pubkey(x, s->key->pkey) != 1 ||
		  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, cn, -1,
					     -1, 0) != 1 ||
		  X509_set_issuer_name(x, name) != 1 ||
		  X509_sign(x, s->key->pkey, kind == HM_KEY_ED25519 ? NULL :
			    EVP_sha384()) <= 0);
	len = i2d_X509(x, &der);
	HM_BUG_ON(len <= 0);
	FX_MUST(hm_buf_add(&s->der, der, (size_t)len, fx_e));
	FX_MUST(hm_cert_der_to_pem(hm_buf_slice(&s->der), &s->pem, fx_e));
	OPENSSL_free(der);
	X509_free(x);
}

static inline void fx_signer_release(struct fx_signer *s)
{
	hm_key_cleanup(&s->key);
	hm_buf_release(&s->der);
	hm_buf_release(&s->pem);
}

/* What may be wrong about a signature section. */
struct fx_sig {
	int more;		/* entries than one */
	bool byte_strings, swapped, extra_key, twice, open_map, wide;
	bool not_a_byte, tagged, trailing, short_value;
	bool payload_trailing, three_in_payload, misnamed, no_index;
	unsigned int index;
	int pcr_xor;
	struct hm_slice pem, cose;	/* in place of the good ones */
	const struct hm_key *key;	/* another key */
};

static inline void fx_put_bytes(struct hm_buf *b, struct hm_slice s,
				const struct fx_sig *bend)
{
	if (bend->byte_strings) {
		FX_MUST(hm_cbor_put_bytes(b, s, fx_e));
		return;
	}
	FX_MUST(hm_cbor_put_array(b, s.len, fx_e));
	for (size_t i = 0; i < s.len; i++)
		if (i == 3 && bend->not_a_byte)
			FX_MUST(hm_cbor_put_uint(b, 256, fx_e));
		else if (i == 0 && bend->wide && s.ptr[i] > 23)
			FX_MUST(hm_buf_add(b, (uint8_t[]){0x19, 0, s.ptr[i]}, 3,
					   fx_e));
		else
			FX_MUST(hm_cbor_put_uint(b, s.ptr[i], fx_e));
}

static inline void fx_payload(const uint8_t pcr0[48], const struct fx_sig *bend,
			      struct hm_buf *b)
{
	static const struct fx_sig plain;
	uint8_t value[48];

	memcpy(value, pcr0, 48);
	value[0] ^= (uint8_t)bend->pcr_xor;
	FX_MUST(hm_cbor_put_map(b, bend->three_in_payload ? 3 : 2, fx_e));
	FX_MUST(hm_cbor_put_str(b, bend->no_index ? "index" : "register_index",
				fx_e));
	FX_MUST(hm_cbor_put_uint(b, bend->index, fx_e));
	FX_MUST(hm_cbor_put_str(b, "register_value", fx_e));
	fx_put_bytes(b, hm_slice(value, bend->short_value ? 47 : 48), &plain);
	if (bend->three_in_payload) {
		FX_MUST(hm_cbor_put_str(b, "x", fx_e));
		FX_MUST(hm_cbor_put_null(b, fx_e));
	}
	if (bend->payload_trailing)
		FX_MUST(hm_buf_add(b, "", 1, fx_e));
}

static inline void fx_cose(const struct fx_signer *s, const uint8_t pcr0[48],
			   const struct fx_sig *bend, struct hm_buf *b)
{
	AUTO_BUF struct hm_buf payload;

	hm_buf_init(&payload, 256);
	fx_payload(pcr0, bend, &payload);
	if (bend->tagged)
		FX_MUST(hm_cbor_put_tag(b, 18, fx_e));
	FX_MUST(hm_cose_sign(bend->key ? bend->key : s->key,
			     hm_buf_slice(&payload), b, fx_e));
}

/* Signs the sections that f has, and adds the section; b keeps its bytes. */
static inline void fx_sign(struct fx *f, const struct fx_signer *s,
			   const struct fx_sig *bend, struct hm_buf *b)
{
	static const char *const names[] = {"signing_certificate", "signature"};
	AUTO_BUF struct hm_buf cose;
	uint8_t pcr[3][48];

	hm_buf_release(b);
	hm_buf_init(&cose, 1024);
	fx_pcrs(f, pcr);
	fx_cose(s, pcr[0], bend, &cose);
	FX_MUST(hm_cbor_put_array(b, (size_t)(1 + bend->more), fx_e));
	for (int n = 0; n < 1 + bend->more; n++) {
		struct hm_slice values[] = {
			bend->pem.len ? bend->pem : hm_buf_slice(&s->pem),
			bend->cose.len ? bend->cose : hm_buf_slice(&cose),
		};

		if (bend->open_map)
			FX_MUST(hm_cbor_put_open_map(b, fx_e));
		else
			FX_MUST(hm_cbor_put_map(b, bend->extra_key ? 3 : 2,
						fx_e));
		for (int i = 0; i < 2; i++) {
			int which = bend->twice ? 0 : bend->swapped ? 1 - i : i;

			FX_MUST(hm_cbor_put_str(
				b, i == 1 && bend->misnamed ? "y" : names[which],
				fx_e));
			fx_put_bytes(b, values[which], bend);
		}
		if (bend->extra_key) {
			FX_MUST(hm_cbor_put_str(b, "x", fx_e));
			FX_MUST(hm_cbor_put_null(b, fx_e));
		}
		if (bend->open_map)
			FX_MUST(hm_cbor_put_break(b, fx_e));
	}
	if (bend->trailing)
		FX_MUST(hm_buf_add(b, "", 1, fx_e));
	fx_add(f, HM_EIF_SIGNATURE, hm_buf_slice(b));
}
