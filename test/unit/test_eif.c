/*
 * Enclave images: measurement against one computed here, every rule bent alone
 * and refused with its own words, every bit and every length of a small image,
 * and what the writer makes.
 */
#include "test/unit/tap.h"

#include <fcntl.h>

#include "lib/crc32.h"
#include "lib/hex.h"
#include "test/unit/eif_fixture.h"

static struct hm_err err;
static struct hm_buf image, section;
static struct fx_signer p256, p384, p521, ed25519, old;

static bool measures(const struct hm_eif *e, const struct fx *f)
{
	uint8_t pcr[3][48];

	fx_pcrs(f, pcr);
	return memcmp(pcr, e->pcr, sizeof(pcr)) == 0;
}

static void takes(const struct fx *f, const char *what)
{
	AUTO_EIF struct hm_eif e = {.version = 0};

	fx_build(f, &image);
	ok_call(fx_read(hm_buf_slice(&image), &e, &err), &err, "%s", what);
	ok(e.version == f->version && e.section_count == f->count &&
	   e.size == image.len && measures(&e, f),
	   "%s: measured as the fixture does", what);
}

static void refuses(const struct fx *f, const char *text, const char *what)
{
	struct hm_eif e = {.version = 77};

	fx_build(f, &image);
	err = (struct hm_err){0};
	fails(fx_read(hm_buf_slice(&image), &e, &err), &err, HM_E_FORMAT, text,
	      "%s", what);
	ok(e.version == 77, "%s: nothing was given out", what);
}

/* --- good ones --------------------------------------------------------------- */

static void test_crc(void)
{
	static struct hm_crc32 c;
	uint8_t data[257];
	bool same = true;

	hm_crc32_init(&c);
	hm_crc32_update(&c, "123456789", 9);
	ok(hm_crc32_value(&c) == 0xcbf43926U, "CRC-32 of 123456789");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + 11);
	for (size_t n = 0; n <= sizeof(data); n++) {
		hm_crc32_init(&c);
		hm_crc32_update(&c, data, n / 3);
		hm_crc32_update(&c, data + n / 3, n - n / 3);
		same &= hm_crc32_value(&c) ==
			(uint32_t)~fx_crc_step(0xffffffffU, data, n);
	}
	ok(same, "CRC-32 in two pieces, of 0 to 257 bytes");
}

static void test_good(void)
{
	static const char one_ramdisk[] =
		"21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c"
		"10edb30948c90ba67310f7b964fc500a";
	AUTO_EIF struct hm_eif e = {.version = 0};
	struct fx f = fx_good();
	char hex[97];

	takes(&f, "version 4");
	f.flags = 1;
	takes(&f, "aarch64");
	f = fx_good();
	f.count = 4;
	takes(&f, "one ramdisk");
	FX_MUST(fx_read(hm_buf_slice(&image), &e, fx_e));
	hm_hex(e.pcr[2], 48, hex);
	ok(strcmp(hex, one_ramdisk) == 0 &&
	   memcmp(e.pcr[0], e.pcr[1], 48) == 0,
	   "one ramdisk: PCR2 is the constant that real images have");
	ok(hm_slice_eq_str(hm_buf_slice(&e.cmdline), "reboot=k panic=30") &&
	   hm_slice_eq_str(hm_buf_slice(&e.metadata), FX_METADATA) &&
	   e.default_mem == 1ULL << 30 && e.default_cpus == 2 &&
	   !e.has_signature && !e.arm64, "fields are what was put in");
	f = fx_good();
	f.s[1].data = hm_slice(NULL, 0);
	takes(&f, "an empty command line");
	f = fx_good();
	f.s[1] = fx_good().s[0];
	f.s[0] = fx_good().s[1];
	takes(&f, "command line first");
	f.s[1] = fx_good().s[4];
	f.s[0] = fx_good().s[0];
	f.s[4] = fx_good().s[1];
	takes(&f, "command line last");
	f = fx_good();
	for (int i = 0; i < 27; i++)
		fx_add(&f, HM_EIF_RAMDISK, hm_slice(&"abcdefghijklmnopqrstuvwxyz{"[i], 1));
	takes(&f, "32 sections");
	for (unsigned int version = 2; version < 4; version++) {
		f = fx_good();
		f.version = version;
		f.s[2] = f.s[4];
		f.count = 4;
		takes(&f, version == 2 ? "version 2" : "version 3");
	}
}

/* Bytes moved over a border keep PCR0: why the three are compared together. */
static void test_borders(void)
{
	AUTO_EIF struct hm_eif a = {.version = 0}, b = {.version = 0};
	struct fx f = fx_good();

	fx_build(&f, &image);
	FX_MUST(fx_read(hm_buf_slice(&image), &a, fx_e));
	f.s[3].data = hm_slice_str("070701 first07");
	f.s[4].data = hm_slice_str("0701 second");
	fx_build(&f, &image);
	FX_MUST(fx_read(hm_buf_slice(&image), &b, fx_e));
	ok(memcmp(a.pcr[0], b.pcr[0], 48) == 0 &&
	   memcmp(a.pcr[1], b.pcr[1], 48) != 0 &&
	   memcmp(a.pcr[2], b.pcr[2], 48) != 0,
	   "a moved border shows in PCR1 and PCR2, not in PCR0");
}

/* --- one thing wrong --------------------------------------------------------- */

static void test_header(void)
{
	struct fx f;

#define BEND(change, text)                                                     \
	do {                                                                   \
		f = fx_good();                                                 \
		change;                                                        \
		refuses(&f, text, #change);                                    \
	} while (0)
	BEND(f.version = 0, "header: version 0 is not one of 2 to 4");
	BEND(f.version = 1, "header: version 1 is");
	BEND(f.version = 5, "header: version 5 is");
	BEND(f.flags = 2, "header: unknown flags 0x0002");
	BEND(f.flags = 0x8001, "header: unknown flags 0x8000");
	BEND(f.reserved = 1, "header: the reserved field at byte 24 is not 0");
	BEND(f.unused = 1, "header: the unused field at byte 540 is not 0");
	BEND(f.count_by = -5, "header: 0 sections, not 2 to 32");
	BEND(f.count_by = -4, "header: 1 sections, not 2 to 32");
	BEND(f.count_by = 28, "header: 33 sections, not 2 to 32");
	BEND(f.slot = 5, "header: slot 5 is used, but there are only 5");
	BEND(f.size_slot = 31, "header: slot 31 is used, but there are only 5");
	BEND(f.count_by = -1, "header: slot 4 is used, but there are only 4");
	BEND(f.count_by = 1, "section 5: the header says it is at byte 0");
	BEND(f.crc_xor = 1, "the checksum is ");
	BEND(f.append = 1, "bytes follow the last section, which ends at byte");
	BEND(f.cut = 1, "section 4 (ramdisk): its data: the file ends in the middle");
	BEND(f.cut = 14, "section 4: its header: the file ends in the middle");
	fx_build(&f, &image);
	image.len = 547;
	fails(fx_read(hm_buf_slice(&image), &(struct hm_eif){0}, &err), &err,
	      HM_E_FORMAT, "header: the file ends in the middle", "half a header");
	image.data[3] = 'F';
	fails(fx_read(hm_buf_slice(&image), &(struct hm_eif){0}, &err), &err,
	      HM_E_FORMAT, "not an enclave image", "another magic");
	fails(fx_read(hm_slice("", 0), &(struct hm_eif){0}, &err), &err,
	      HM_E_FORMAT, "header: the file ends", "an empty file");
}

static void test_sections(void)
{
	static uint8_t big[HM_EIF_METADATA_MAX + 1];
	struct fx f;

	memset(big, ' ', sizeof(big));
	BEND(f.s[2].offset_by = -1, "but what is before it reaches to byte 602");
	BEND(f.s[2].offset_by = 1, "leaving a gap from byte 602");
	BEND(f.s[0].offset_by = -548, "section 0: the header says it is at byte 0");
	BEND(f.s[2].table_by = 1, "section 2: it says that it has 36 bytes, the file's header says 37");
	BEND(f.s[2].own_by = -1, "section 2: it says that it has 35 bytes, the file's header says 36");
	BEND((f.s[4].own_by = -14, f.s[4].table_by = -14), "18446744073709551615 bytes: no file is that large");
	BEND((f.s[4].own_by = 1LL << 40, f.s[4].table_by = 1LL << 40), "section 4 (ramdisk): its data: the file ends");
	BEND(f.s[3].type = 0, "section 3: unknown type 0");
	BEND(f.s[3].type = 6, "section 3: unknown type 6");
	BEND(f.s[3].flags = 1, "section 3: unknown flags 0x0001");
	BEND(f.s[3].type = HM_EIF_KERNEL, "section 3: a second kernel");
	BEND(f.s[3].type = HM_EIF_CMDLINE, "section 3: a second cmdline");
	BEND(f.s[3].type = HM_EIF_METADATA, "section 3: a second metadata section");
	BEND(f.s[0].type = HM_EIF_RAMDISK, "section 0: a ramdisk before the kernel");
	BEND(f.version = 3, "section 2: metadata, which need version 4");
	BEND((f.version = 2, f.s[2].type = HM_EIF_SIGNATURE), "section 2: a signature, which needs version 3");
	BEND((f.s[3].type = f.s[4].type = HM_EIF_SIGNATURE), "section 4: a second signature");
	BEND((f.s[0] = f.s[1], f.count = 3, f.s[1] = f.s[2], f.count = 2), "there is no kernel section");
	BEND((f.s[1] = f.s[4], f.count = 4), "there is no cmdline section");
	BEND(f.count = 3, "there is no ramdisk section");
	BEND((f.s[2] = f.s[4], f.count = 4), "there is no metadata section");
	BEND(f.s[0].data.len = 0, "section 0 (kernel): it is empty");
	BEND(f.s[1].data = hm_slice(big, HM_EIF_CMDLINE_MAX + 1), "section 1 (cmdline): 65537 bytes, more than the limit");
	BEND(f.s[2].data = hm_slice(big, sizeof(big)), "section 2 (metadata): 1048577 bytes, more than");
	BEND((f.s[4].type = HM_EIF_SIGNATURE, f.s[4].data = hm_slice(big, 32769)), "section 4 (signature): 32769 bytes, more than");
	BEND(f.s[2].data = hm_slice_str(""), "metadata: ");
	BEND(f.s[2].data = hm_slice_str("[]"), "metadata: not a JSON object");
	BEND(f.s[2].data = hm_slice_str("{\"a\":1,\"a\":2}"), "metadata: line 1");
	BEND(f.s[2].data = hm_slice_str("{} x"), "metadata: line 1");
#undef BEND
}

/* --- signatures -------------------------------------------------------------- */

static void takes_signed(const struct fx_signer *s, const struct fx_sig *bend,
			 const char *what)
{
	AUTO_EIF struct hm_eif e = {.version = 0};
	struct fx f = fx_good();
	uint8_t pcr8[48];

	fx_extend(hm_buf_slice(&s->der), pcr8);
	fx_sign(&f, s, bend, &section);
	takes(&f, what);
	FX_MUST(fx_read(hm_buf_slice(&image), &e, fx_e));
	ok(e.has_signature && memcmp(pcr8, e.pcr8, 48) == 0 &&
	   e.signer_key == hm_key_kind(s->key) &&
	   strstr(e.signer.subject, "CN=signer") != NULL,
	   "%s: PCR8 and the signer", what);
}

static void refuses_signed(struct fx_sig bend, int code, const char *text,
			   const char *what)
{
	struct fx f = fx_good();
	struct hm_eif e;

	fx_sign(&f, &p256, &bend, &section);
	fx_build(&f, &image);
	err = (struct hm_err){0};
	fails(fx_read(hm_buf_slice(&image), &e, &err), &err, code, text, "%s",
	      what);
	ok(strncmp(err.msg, "signature section: ", 19) == 0,
	   "%s: the section is named", what);
}

static void test_signed(void)
{
	static const struct fx_sig good = {.more = 0};
	static const struct fx_sig swapped = {.swapped = true};
	AUTO_EIF struct hm_eif e = {.version = 0};
	struct fx f = fx_good();

	takes_signed(&p256, &good, "signed with P-256");
	takes_signed(&p384, &good, "signed with P-384");
	takes_signed(&p521, &good, "signed with P-521");
	takes_signed(&p384, &swapped, "keys in the other order");
	takes_signed(&old, &good, "an expired certificate");
	FX_MUST(fx_read(hm_buf_slice(&image), &e, fx_e));
	ok(e.signer.not_before_ms == FX_NOW - 2 * FX_DAY &&
	   e.signer.not_after_ms == FX_NOW - FX_DAY, "its dates are told");
	f.version = 3;
	f.s[2] = f.s[4];
	f.count = 4;
	fx_sign(&f, &p256, &good, &section);
	takes(&f, "signed, version 3");
}

static void test_signature_bends(void)
{
	static uint8_t around[9000];
	struct hm_slice pem = hm_buf_slice(&p256.pem);
	static const char twice[] = "signature section: 'signing_certificate' stands twice";

#define BEND(code, text, ...)                                                  \
	refuses_signed((struct fx_sig){__VA_ARGS__}, code, text, \
		       #__VA_ARGS__)
	BEND(HM_E_FORMAT, "2 signatures, not one", .more = 1);
	BEND(HM_E_FORMAT, "0 signatures, not one", .more = -1);
	BEND(HM_E_FORMAT, "a byte string where an array belongs", .byte_strings = true);
	BEND(HM_E_FORMAT, "signature: 3 keys, not 2", .extra_key = true);
	BEND(HM_E_FORMAT, "neither 'signing_certificate' nor 'signature'", .misnamed = true);
	BEND(HM_E_FORMAT, "neither 'register_index' nor 'register_value'", .no_index = true);
	BEND(HM_E_FORMAT, twice, .twice = true);
	BEND(HM_E_FORMAT, "indefinite length is not allowed", .open_map = true);
	BEND(HM_E_FORMAT, "not in its shortest form", .wide = true);
	BEND(HM_E_FORMAT, "signing_certificate: 256 is not a byte", .not_a_byte = true);
	BEND(HM_E_FORMAT, "signatures: ", .trailing = true);
	BEND(HM_E_FORMAT, "COSE_Sign1: it is tagged", .tagged = true);
	BEND(HM_E_FORMAT, "register_value: 47 bytes, not 48", .short_value = true);
	BEND(HM_E_FORMAT, "payload: 3 keys, not 2", .three_in_payload = true);
	BEND(HM_E_FORMAT, "payload: ", .payload_trailing = true);
	BEND(HM_E_POLICY, "it is for PCR1, not for PCR0", .index = 1);
	BEND(HM_E_POLICY, "it is for another image", .pcr_xor = 1);
	BEND(HM_E_CRYPTO, "it is not by this key", .key = old.key);
	BEND(HM_E_CRYPTO, "COSE algorithm -35 is not for this key", .key = p384.key);
	BEND(HM_E_FORMAT, "signing_certificate: PEM: the first line", .pem = hm_slice_str("x"));
	BEND(HM_E_CRYPTO, "COSE algorithm -1 is not for this key",
	     .pem = hm_buf_slice(&ed25519.pem), .cose = hm_slice_str("\x84\x43\xa1\x01\x20\xa0\x40\x40"));
	BEND(HM_E_FORMAT, "protected header: an unsigned integer where", .cose = hm_slice_str("\x83\x01\x02\x03"));
	BEND(HM_E_POLICY, "unprotected header: it must be empty",
	     .cose = hm_slice_str("\x84\x43\xa1\x01\x26\xa1\x04\x40\x41x\x40"));
	memcpy(around, pem.ptr, pem.len);
	memcpy(around + pem.len, pem.ptr, pem.len);
	BEND(HM_E_FORMAT, "PEM: more than one", .pem = hm_slice(around, 2 * pem.len));
	memset(around, 'A', sizeof(around));
	BEND(HM_E_TOO_LARGE, "signing_certificate", .pem = hm_slice(around, sizeof(around)));
	BEND(HM_E_TOO_LARGE, "signature", .cose = hm_slice(around, 1025));
#undef BEND
}

/* --- every bit, every length ------------------------------------------------- */

static void signed_image(void)
{
	static const struct fx_sig good = {.more = 0};
	struct fx f = fx_good();

	fx_sign(&f, &p256, &good, &section);
	fx_build(&f, &image);
}

/* Where a bit may change and neither PCRs nor signature notice. */
static bool unmeasured(size_t at)
{
	return (at >= 6 && at < 24) ||	/* aarch64, memory, processors */
	       (at >= 614 && at < 614 + strlen(FX_METADATA));
}

static void test_bits(void)
{
	AUTO_EIF struct hm_eif good = {.version = 0};
	size_t survived = 0, repaired = 0, wrong = 0, changed = 0;

	signed_image();
	FX_MUST(fx_read(hm_buf_slice(&image), &good, fx_e));
	for (size_t i = 0; i < 8 * image.len; i++) {
		uint8_t bit = (uint8_t)(1U << (i % 8)), crc[4];
		AUTO_EIF struct hm_eif e = {.version = 0};
		size_t at = i / 8;

		image.data[at] ^= bit;
		if (fx_read(hm_buf_slice(&image), &e, &err) == HM_OK)
			survived++;
		/* With the CRC made good again, as a forger would. */
		memcpy(crc, image.data + 544, 4);
		fx_set_crc(image.data, image.len, 0);
		hm_eif_release(&e);
		if ((at < 544 || at >= 548) &&
		    fx_read(hm_buf_slice(&image), &e, &err) == HM_OK) {
			repaired++;
			if (memcmp(e.pcr, good.pcr, sizeof(e.pcr)) != 0)
				wrong++;	/* signed, so refused */
			else if (memcmp(e.pcr8, good.pcr8, 48) != 0)
				changed++;
			else if (!unmeasured(at))
				wrong++;
		}
		memcpy(image.data + 544, crc, 4);
		image.data[at] ^= bit;
	}
	ok(survived == 0, "none of %zu flipped bits is taken", 8 * image.len);
	ok(wrong == 0 && changed > 0 && repaired > changed,
	   "with a new CRC, %zu bits are: %zu of the certificate, which change PCR8; "
	   "memory, processors, architecture and metadata; no other (%zu)",
	   repaired, changed, wrong);
}

/* An unsigned image has no signature to break: then the PCRs must change. */
static void test_measured_bits(void)
{
	AUTO_EIF struct hm_eif good = {.version = 0};
	struct fx f = fx_good();
	size_t same = 0, changed = 0;

	fx_build(&f, &image);
	FX_MUST(fx_read(hm_buf_slice(&image), &good, fx_e));
	for (size_t i = 0; i < 8 * image.len; i++) {
		uint8_t bit = (uint8_t)(1U << (i % 8));
		AUTO_EIF struct hm_eif e = {.version = 0};
		size_t at = i / 8;

		if (unmeasured(at) || (at >= 544 && at < 548))
			continue;
		image.data[at] ^= bit;
		fx_set_crc(image.data, image.len, 0);
		if (fx_read(hm_buf_slice(&image), &e, &err) == HM_OK) {
			if (memcmp(e.pcr, good.pcr, sizeof(e.pcr)) == 0)
				same++;
			else
				changed++;
		}
		image.data[at] ^= bit;
	}
	ok(same == 0 && changed == 8 * (13 + 17 + 12 + 13),
	   "every bit of kernel, cmdline and ramdisks changes the PCRs (%zu, %zu)",
	   changed, same);
}

static void test_lengths(void)
{
	size_t taken = 0, len;

	signed_image();
	len = image.len;
	for (size_t n = 0; n < len; n++) {
		AUTO_EIF struct hm_eif e = {.version = 0};

		taken += fx_read(hm_slice(image.data, n), &e, &err) == HM_OK;
	}
	ok(taken == 0, "none of %zu truncations is taken", len);
}

/* --- writing ----------------------------------------------------------------- */

static int new_file(void)
{
	return memfd_create("out", MFD_CLOEXEC);
}

static void file_bytes(int fd, struct hm_buf *b)
{
	uint8_t chunk[4096];
	ssize_t n;

	hm_buf_release(b);
	if (lseek(fd, 0, SEEK_SET) != 0)
		exit(1);
	for (n = read(fd, chunk, sizeof(chunk)); n > 0;
	     n = read(fd, chunk, sizeof(chunk)))
		FX_MUST(hm_buf_add(b, chunk, (size_t)n, fx_e));
}

static void plan_of(const struct fx *f, struct hm_eif_plan *p)
{
	hm_eif_plan_init(p);
	for (size_t i = 0; i < f->count; i++)
		FX_MUST(hm_eif_plan_bytes(p, (enum hm_eif_type)f->s[i].type,
					  f->s[i].data, fx_e));
}

static void test_write(void)
{
	AUTO_EIF struct hm_eif e = {.version = 0};
	AUTO_CLOSE int fd = new_file(), again = new_file();
	AUTO_BUF struct hm_buf got;
	struct fx f = fx_good();
	struct hm_eif_plan p;

	hm_buf_init(&got, FX_MAX);
	plan_of(&f, &p);
	ok_call(hm_eif_write(&p, fd, &e, &err), &err, "written");
	fx_build(&f, &image);
	file_bytes(fd, &got);
	ok(hm_slice_eq(hm_buf_slice(&got), hm_buf_slice(&image)),
	   "byte for byte what the fixture makes");
	ok(measures(&e, &f), "and measured so");
	hm_eif_plan_init(&p);
	FX_MUST(hm_eif_plan_image(&p, &e, fd, fx_e));
	hm_eif_release(&e);
	ok_call(hm_eif_write(&p, again, &e, &err), &err, "copied");
	file_bytes(again, &got);
	ok(hm_slice_eq(hm_buf_slice(&got), hm_buf_slice(&image)),
	   "a copy is the same bytes");
}

/* A signature replaced by one of another length: both sizes are new. */
static void test_write_signed(void)
{
	const struct fx_signer *signers[] = {&p256, &p521, &p384};
	AUTO_EIF struct hm_eif first = {.version = 0};
	AUTO_CLOSE int fd = new_file();
	struct fx f = fx_good();
	struct hm_eif_plan p;

	plan_of(&f, &p);
	p.key = old.key;
	p.cert_pem = hm_buf_slice(&old.pem);
	ok_call(hm_eif_write(&p, fd, &first, &err), &err, "signed");
	for (size_t i = 0; i < HM_ARRAY_LEN(signers); i++) {
		AUTO_EIF struct hm_eif e = {.version = 0};
		AUTO_CLOSE int out = new_file();

		hm_eif_plan_init(&p);
		FX_MUST(hm_eif_plan_image(&p, &first, fd, fx_e));
		p.key = signers[i]->key;
		p.cert_pem = hm_buf_slice(&signers[i]->pem);
		ok_call(hm_eif_write(&p, out, &e, &err), &err,
			"signed again by another");
		ok(e.section_count == 6 && e.has_signature &&
		   memcmp(e.pcr, first.pcr, sizeof(e.pcr)) == 0 &&
		   memcmp(e.pcr8, first.pcr8, 48) != 0 &&
		   e.signer_key == hm_key_kind(signers[i]->key),
		   "one signature, the same PCR0 to 2, another PCR8");
	}
	hm_eif_plan_init(&p);
	FX_MUST(hm_eif_plan_image(&p, &first, fd, fx_e));
	p.key = p256.key;
	p.cert_pem = hm_buf_slice(&p384.pem);
	fails(hm_eif_write(&p, fd, &first, &err), &err, HM_E_CRYPTO,
	      "signing: the certificate is not for this key",
	      "key and certificate of two people");
	p.key = ed25519.key;
	p.cert_pem = hm_buf_slice(&ed25519.pem);
	fails(hm_eif_write(&p, fd, &first, &err), &err, HM_E_CRYPTO,
	      "signing: COSE: no algorithm of ours", "a key that COSE has not");
}

static void test_write_refused(void)
{
	AUTO_CLOSE int fd = new_file(), in = fx_fd(hm_slice_str("kernel"));
	AUTO_CLOSE int dir = open("/", O_RDONLY | O_CLOEXEC);
	struct fx f = fx_good();
	struct hm_eif_plan p;
	struct hm_eif e;

	f.s[0].type = HM_EIF_RAMDISK;
	plan_of(&f, &p);
	fails(hm_eif_write(&p, fd, &e, &err), &err, HM_E_FORMAT,
	      "section 0: a ramdisk before the kernel", "a bad plan");
	hm_eif_plan_init(&p);
	FX_MUST(hm_eif_plan_file(&p, HM_EIF_KERNEL, in, fx_e));
	if (ftruncate(in, 5) < 0)
		exit(1);
	fails(hm_eif_write(&p, fd, &e, &err), &err, HM_E_SYSTEM,
	      "kernel: it got shorter while it was read", "a shrinking input");
	fails(hm_eif_plan_file(&p, HM_EIF_KERNEL, dir, &err), &err, HM_E_POLICY,
	      "not a regular file", "a directory");
	fails(hm_eif_plan_file(&p, HM_EIF_KERNEL, -1, &err), &err, HM_E_SYSTEM,
	      "fstat", "no descriptor");
	f = fx_good();
	while (f.count < 32)
		fx_add(&f, HM_EIF_RAMDISK, hm_slice_str("r"));
	plan_of(&f, &p);
	fails(hm_eif_plan_bytes(&p, HM_EIF_RAMDISK, hm_slice_str("r"), &err),
	      &err, HM_E_TOO_LARGE, "at most 32 sections", "33 sections");
	p.key = p256.key;
	p.cert_pem = hm_buf_slice(&p256.pem);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) != 0)
		exit(1);
	fails(hm_eif_write(&p, fd, &e, &err), &err, HM_E_TOO_LARGE,
	      "at most 32 sections", "32 sections and a signature");
	f = fx_good();
	f.version = 2;
	f.s[2] = f.s[4];
	f.count = 4;
	plan_of(&f, &p);
	p.version = 2;
	p.key = p256.key;
	p.cert_pem = hm_buf_slice(&p256.pem);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) != 0)
		exit(1);
	fails(hm_eif_write(&p, fd, &e, &err), &err, HM_E_FORMAT,
	      "a signature, which needs version 3", "signing version 2");
}

/* No seeking: an image may come through a pipe. */
static void test_pipe(void)
{
	AUTO_EIF struct hm_eif e = {.version = 0};
	struct fx f = fx_good();
	int ends[2];

	fx_build(&f, &image);
	if (pipe2(ends, O_CLOEXEC) < 0 ||
	    write(ends[1], image.data, image.len) != (ssize_t)image.len)
		exit(1);
	(void)close(ends[1]);
	ok_call(hm_eif_read(ends[0], &e, &err), &err, "from a pipe");
	(void)close(ends[0]);
	ok(hm_eif_read(-1, &e, &err) == HM_E_SYSTEM, "from nowhere");
}

int main(void)
{
	hm_buf_init(&image, 8 * FX_MAX);
	hm_buf_init(&section, 8 * FX_MAX);
	fx_signer_make(&p256, HM_KEY_P256, FX_NOW, FX_NOW + 3650 * FX_DAY);
	fx_signer_make(&p384, HM_KEY_P384, FX_NOW, FX_NOW + 3650 * FX_DAY);
	fx_signer_make(&p521, HM_KEY_P521, FX_NOW, FX_NOW + 3650 * FX_DAY);
	fx_signer_make(&ed25519, HM_KEY_ED25519, FX_NOW, FX_NOW + 3650 * FX_DAY);
	fx_signer_make(&old, HM_KEY_P256, FX_NOW - 2 * FX_DAY, FX_NOW - FX_DAY);
	test_crc();
	test_good();
	test_borders();
	test_header();
	test_sections();
	test_signed();
	test_signature_bends();
	test_bits();
	test_measured_bits();
	test_lengths();
	test_write();
	test_write_signed();
	test_write_refused();
	test_pipe();
	fx_signer_release(&p256);
	fx_signer_release(&p384);
	fx_signer_release(&p521);
	fx_signer_release(&ed25519);
	fx_signer_release(&old);
	hm_buf_release(&image);
	hm_buf_release(&section);
	return tap_done();
}
