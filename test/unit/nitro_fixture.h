/*
 * A maker of attestation documents that can bend each rule alone: certificates
 * straight from OpenSSL and CBOR by hand, so that what is tested is not tested
 * with itself. struct bend starts as a good document; one field changed makes
 * one rule broken, with everything after it signed correctly again.
 */
#pragma once

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/cbor.h"
#include "lib/nitro_document.h"
#include "lib/openssl_adapter.h"

/* 2025-01-01T00:00:00Z. */
#define FIX_TIME_MS 1735689600000LL
#define FIX_DAY_MS (24 * 3600 * 1000LL)
#define FIX_CERTS 5
#define FIX_MUST(call)                                                         \
	do {                                                                   \
		struct hm_err fix_err_ = {0};                                  \
		struct hm_err *fix_e = &fix_err_;                              \
		if ((call) != HM_OK) {                                         \
			printf("# fixture: %s\n", fix_err_.msg);               \
			hm_bug(__FILE__, __LINE__, #call);                     \
		}                                                              \
	} while (0)

/* One certificate. Extensions in OpenSSL's configuration syntax; NULL: none. */
struct fix_cert {
	const char *name;
	const char *constraints;
	const char *usage;
	const char *extra_oid;	/* an extension of this OID, critical */
	int extra_count;
	int64_t from_ms, to_ms;
	enum hm_key_kind kind;
	bool sha256;		/* ecdsa-with-SHA256 */
	bool self_signed;	/* instead of by the one above */
	bool wrong_key;		/* signed by a key that nobody knows */
	const char *issuer_name;	/* instead of the one above */
	int version;		/* 0: v3 */
	bool trailing;		/* one byte behind the DER */
	bool garbage;		/* no certificate at all */
};

/* Root first. */
struct fix_chain {
	struct fix_cert spec[FIX_CERTS];
	struct hm_key *keys[FIX_CERTS];
	struct hm_buf der[FIX_CERTS];
	uint8_t root_sha256[HM_SHA256_LEN];
};

static inline void fix_chain_init(struct fix_chain *c)
{
	static const char *const names[FIX_CERTS] = {
		"test.nitro-enclaves", "0123.eu-x.test.nitro-enclaves",
		"4567.zonal.eu-x.test.nitro-enclaves",
		"i-0123456789abcdef0.eu-x.test.nitro-enclaves",
		"i-0123456789abcdef0-enc0123456789abcdef.eu-x.test",
	};
	static const char *const constraints[FIX_CERTS] = {
		"critical,CA:TRUE", "critical,CA:TRUE,pathlen:2",
		"critical,CA:TRUE,pathlen:1", "critical,CA:TRUE,pathlen:0",
		"critical,CA:FALSE",
	};
	static const char *const usage[FIX_CERTS] = {
		"critical,digitalSignature,keyCertSign,cRLSign",
		"critical,digitalSignature,keyCertSign,cRLSign",
		"critical,digitalSignature,keyCertSign,cRLSign",
		"critical,keyCertSign",
		"digitalSignature,nonRepudiation",
	};
	static const int64_t days[FIX_CERTS] = {10950, 20, 6, 1, 1};

	memset(c, 0, sizeof(*c));
	for (int i = 0; i < FIX_CERTS; i++) {
		c->spec[i] = (struct fix_cert){
			.name = names[i],
			.constraints = constraints[i],
			.usage = usage[i],
			.from_ms = FIX_TIME_MS - FIX_DAY_MS / 24,
			.to_ms = FIX_TIME_MS + days[i] * FIX_DAY_MS,
			.kind = HM_KEY_P384,
		};
		hm_buf_init(&c->der[i], 8192);
	}
}

static inline void fix_chain_release(struct fix_chain *c)
{
	for (int i = 0; i < FIX_CERTS; i++) {
		hm_key_free(c->keys[i]);
		c->keys[i] = NULL;
		hm_buf_release(&c->der[i]);
	}
}

static inline void fix_name(X509_NAME *to, const char *cn)
{
	HM_BUG_ON(X509_NAME_add_entry_by_txt(to, "O", MBSTRING_UTF8,
					     (const unsigned char *)"Test", -1,
					     -1, 0) != 1 ||
		  X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8,
					     (const unsigned char *)cn, -1, -1,
					     0) != 1);
}

static inline void fix_ext(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) :
				    NULL;

	HM_BUG_ON(value && (!e || X509_add_ext(x, e, -1) != 1));
	X509_EXTENSION_free(e);
}

static inline void fix_extra(X509 *x, const struct fix_cert *s)
{
	for (int i = 0; i < s->extra_count; i++) {
		ASN1_OBJECT *oid = OBJ_txt2obj(s->extra_oid, 1);
		ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
		X509_EXTENSION *e;

		HM_BUG_ON(ASN1_OCTET_STRING_set(
				  v, (const unsigned char *)"\x30\x00", 2) != 1);
		e = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, v);
		HM_BUG_ON(!e || X509_add_ext(x, e, -1) != 1);
		X509_EXTENSION_free(e);
		ASN1_OCTET_STRING_free(v);
		ASN1_OBJECT_free(oid);
	}
}

/* Makes certificate i; those above it are made. Its key is kept if there is one. */
static inline void fix_make_cert(struct fix_chain *c, int i)
{
	const struct fix_cert *s = &c->spec[i];
	const struct fix_cert *above = &c->spec[i == 0 ? 0 : i - 1];
	struct hm_key *signer, *stranger = NULL;
	X509 *x = X509_new();
	unsigned char *der = NULL;
	int len;

	HM_BUG_ON(!x);
	if (!c->keys[i])
		FIX_MUST(hm_key_generate(s->kind, &c->keys[i], fix_e));
	signer = i == 0 || s->self_signed ? c->keys[i] : c->keys[i - 1];
	if (s->wrong_key) {
		FIX_MUST(hm_key_generate(HM_KEY_P384, &stranger, fix_e));
		signer = stranger;
	}
	HM_BUG_ON(X509_set_version(x, s->version ? s->version - 1 : 2) != 1 ||
		  ASN1_INTEGER_set(X509_get_serialNumber(x), i + 1) != 1 ||
		  !ASN1_TIME_set(X509_getm_notBefore(x), s->from_ms / 1000) ||
		  !ASN1_TIME_set(X509_getm_notAfter(x), s->to_ms / 1000) ||
		  X509_set_pubkey(x, c->keys[i]->pkey) != 1);
	fix_name(X509_get_subject_name(x), s->name);
	fix_name(X509_get_issuer_name(x),
		 s->issuer_name ? s->issuer_name :
		 s->self_signed ? s->name : above->name);
	if (!s->version) {
		fix_ext(x, NID_basic_constraints, s->constraints);
		fix_ext(x, NID_key_usage, s->usage);
		fix_extra(x, s);
	}
	HM_BUG_ON(X509_sign(x, signer->pkey,
			    s->sha256 ? EVP_sha256() : EVP_sha384()) <= 0);
	len = i2d_X509(x, &der);
	HM_BUG_ON(len <= 0);
	c->der[i].len = 0;
	FIX_MUST(hm_buf_add(&c->der[i], s->garbage ? (const void *)"garbage" : der,
			    s->garbage ? 7 : (size_t)len, fix_e));
	if (s->trailing)
		FIX_MUST(hm_buf_add(&c->der[i], "", 1, fix_e));
	OPENSSL_free(der);
	X509_free(x);
	hm_key_free(stranger);
}

static inline void fix_make_chain(struct fix_chain *c)
{
	for (int i = 0; i < FIX_CERTS; i++)
		fix_make_cert(c, i);
	FIX_MUST(hm_sha256(hm_buf_slice(&c->der[0]), c->root_sha256, fix_e));
}

/* --- documents --------------------------------------------------------------- */

enum fix_key {
	FIX_MODULE_ID,
	FIX_DIGEST,
	FIX_TIMESTAMP,
	FIX_PCRS,
	FIX_CERTIFICATE,
	FIX_CABUNDLE,
	FIX_PUBLIC_KEY,
	FIX_USER_DATA,
	FIX_NONCE,
	FIX_KEY_COUNT,
};

struct bend {
	/* COSE: raw CBOR in place of the good bytes; len 0: good. */
	struct hm_slice front;		/* before the array: a tag */
	struct hm_slice array_head;	/* good: 84 */
	struct hm_slice protected_item;	/* good: 44 A1013822 */
	struct hm_slice protected_signed;	/* its content, when bent */
	struct hm_slice unprotected;	/* good: A0 */
	struct hm_slice signature_item;	/* good: 58 60 r s */
	struct hm_slice after_signature;	/* before the end of the array */
	struct hm_slice behind;		/* after the array */
	/* Payload: the value of one key as raw CBOR. */
	struct hm_slice value[FIX_KEY_COUNT];
	bool omit[FIX_KEY_COUNT];
	bool reversed, indefinite, indefinite_inside, long_heads;
	struct hm_slice extra;	/* one more pair, raw */
	struct hm_slice in_payload_behind;
	/* Fields of the good form. */
	size_t pcr_count;
	size_t field_len[3];
	bool has_field[3];
	size_t root_only;	/* a bundle of this many roots, instead */
	bool swap_bundle;
};

static inline struct bend bend_good(void)
{
	return (struct bend){.pcr_count = 16, .indefinite = true};
}

static inline void fix_raw(struct hm_buf *b, struct hm_slice s)
{
	FIX_MUST(hm_buf_add_slice(b, s, fix_e));
}

#define FIX_RAW(hex_literal)                                                   \
	hm_slice((hex_literal), sizeof(hex_literal) - 1)

/* A head in eight-byte form: longer than needed, and legal CBOR. */
static inline void fix_long_head(struct hm_buf *b, uint8_t major, uint64_t v)
{
	uint8_t head[9] = {(uint8_t)((unsigned int)major << 5 | 27U)};

	for (size_t i = 0; i < 8; i++)
		head[8 - i] = (uint8_t)(v >> (8 * i));
	fix_raw(b, hm_slice(head, 9));
}

static inline void fix_bytes(struct hm_buf *b, const struct bend *d,
			     struct hm_slice s)
{
	if (d->long_heads) {
		fix_long_head(b, 2, s.len);
		fix_raw(b, s);
	} else {
		FIX_MUST(hm_cbor_put_bytes(b, s, fix_e));
	}
}

static inline void fix_pcrs(struct hm_buf *b, const struct bend *d)
{
	uint8_t pcr[HM_PCR_LEN];

	if (d->indefinite_inside)
		fix_raw(b, FIX_RAW("\xbf"));
	else
		FIX_MUST(hm_cbor_put_map(b, d->pcr_count, fix_e));
	for (size_t i = 0; i < d->pcr_count; i++) {
		memset(pcr, (int)i + 1, sizeof(pcr));
		FIX_MUST(hm_cbor_put_uint(b, i, fix_e));
		fix_bytes(b, d, hm_slice(pcr, sizeof(pcr)));
	}
	if (d->indefinite_inside)
		fix_raw(b, FIX_RAW("\xff"));
}

static inline void fix_bundle(struct hm_buf *b, const struct bend *d,
			      const struct fix_chain *c)
{
	static const int straight[4] = {0, 1, 2, 3}, swapped[4] = {0, 2, 1, 3};
	size_t n = d->root_only ? d->root_only : 4;

	if (d->indefinite_inside)
		fix_raw(b, FIX_RAW("\x9f"));
	else
		FIX_MUST(hm_cbor_put_array(b, n, fix_e));
	for (size_t i = 0; i < n; i++) {
		int j = d->root_only ? 0 :
			d->swap_bundle ? swapped[i] : straight[i];

		fix_bytes(b, d, hm_buf_slice(&c->der[j]));
	}
	if (d->indefinite_inside)
		fix_raw(b, FIX_RAW("\xff"));
}

static inline void fix_value(struct hm_buf *b, enum fix_key k,
			     const struct bend *d, const struct fix_chain *c)
{
	static const uint8_t filler[1200];
	size_t f = (size_t)k - FIX_PUBLIC_KEY;

	if (d->value[k].len > 0) {
		fix_raw(b, d->value[k]);
	} else if (k == FIX_MODULE_ID) {
		FIX_MUST(hm_cbor_put_str(
			b, "i-0123456789abcdef0-enc0123456789abcdef", fix_e));
	} else if (k == FIX_DIGEST) {
		FIX_MUST(hm_cbor_put_str(b, "SHA384", fix_e));
	} else if (k == FIX_TIMESTAMP) {
		FIX_MUST(hm_cbor_put_uint(b, FIX_TIME_MS, fix_e));
	} else if (k == FIX_PCRS) {
		fix_pcrs(b, d);
	} else if (k == FIX_CERTIFICATE) {
		fix_bytes(b, d, hm_buf_slice(&c->der[FIX_CERTS - 1]));
	} else if (k == FIX_CABUNDLE) {
		fix_bundle(b, d, c);
	} else if (d->has_field[f]) {
		fix_bytes(b, d, hm_slice(filler, d->field_len[f]));
	} else {
		FIX_MUST(hm_cbor_put_null(b, fix_e));
	}
}

static inline void fix_payload(struct hm_buf *b, const struct bend *d,
			       const struct fix_chain *c)
{
	static const char *const names[FIX_KEY_COUNT] = {
		"module_id",   "digest",   "timestamp",	 "pcrs",      "certificate",
		"cabundle",    "public_key", "user_data", "nonce",
	};
	size_t pairs = d->extra.len > 0 ? 1 : 0;

	for (int i = 0; i < FIX_KEY_COUNT; i++)
		pairs += d->omit[i] ? 0 : 1;
	if (d->indefinite)
		fix_raw(b, FIX_RAW("\xbf"));
	else if (d->long_heads)
		fix_long_head(b, 5, pairs);
	else
		FIX_MUST(hm_cbor_put_map(b, pairs, fix_e));
	for (int i = 0; i < FIX_KEY_COUNT; i++) {
		int k = d->reversed ? FIX_KEY_COUNT - 1 - i : i;

		if (d->omit[k])
			continue;
		FIX_MUST(hm_cbor_put_str(b, names[k], fix_e));
		fix_value(b, (enum fix_key)k, d, c);
	}
	fix_raw(b, d->extra);
	if (d->indefinite)
		fix_raw(b, FIX_RAW("\xff"));
	fix_raw(b, d->in_payload_behind);
}

static inline void fix_or(struct hm_buf *b, struct hm_slice bent,
			  struct hm_slice good)
{
	fix_raw(b, bent.len > 0 ? bent : good);
}

/* The whole document; the signature is over what stands in it. */
static inline void fix_document(struct hm_buf *out, const struct bend *d,
				const struct fix_chain *c)
{
	struct hm_slice header = d->protected_item.len > 0 ?
					 d->protected_signed :
					 FIX_RAW("\xa1\x01\x38\x22");
	struct hm_buf payload, tbs, sig;

	hm_buf_init(&payload, 65536);
	hm_buf_init(&tbs, 65536);
	hm_buf_init(&sig, 256);
	fix_payload(&payload, d, c);
	fix_raw(&tbs, FIX_RAW("\x84\x6aSignature1"));
	FIX_MUST(hm_cbor_put_bytes(&tbs, header, fix_e));
	fix_raw(&tbs, FIX_RAW("\x40"));
	FIX_MUST(hm_cbor_put_bytes(&tbs, hm_buf_slice(&payload), fix_e));
	FIX_MUST(hm_key_sign_raw(c->keys[FIX_CERTS - 1], hm_buf_slice(&tbs),
				 &sig, fix_e));

	out->len = 0;
	fix_raw(out, d->front);
	fix_or(out, d->array_head, FIX_RAW("\x84"));
	fix_or(out, d->protected_item, FIX_RAW("\x44\xa1\x01\x38\x22"));
	fix_or(out, d->unprotected, FIX_RAW("\xa0"));
	fix_bytes(out, d, hm_buf_slice(&payload));
	if (d->signature_item.len > 0)
		fix_raw(out, d->signature_item);
	else
		fix_bytes(out, d, hm_buf_slice(&sig));
	fix_raw(out, d->after_signature);
	fix_raw(out, d->behind);
	hm_buf_release(&payload);
	hm_buf_release(&tbs);
	hm_buf_release(&sig);
}
