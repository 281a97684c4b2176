/*
 * Attestation documents: what schema/attestation.md says we take and refuse,
 * one bent rule after the other, each with everything after it signed again.
 */
#include "lib/cose.h"
#include "lib/nitro_document.h"

#include "test/unit/nitro_fixture.h"
#include "test/unit/tap.h"

static struct hm_err err;
static struct fix_chain chain;

#define RAW FIX_RAW

static int check(struct hm_slice input, struct hm_nitro_document *doc)
{
	int rc = hm_nitro_parse(input, doc, &err);

	return rc != HM_OK ? rc : hm_nitro_verify(doc, chain.root_sha256, &err);
}

static int check_bend(const struct bend *d, struct hm_nitro_document *doc)
{
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, 65536);
	fix_document(&out, d, &chain);
	return check(hm_buf_slice(&out), doc);
}

/* --- taken --------------------------------------------------------------- */

static void test_taken(void)
{
	const struct {
		const char *name;
		struct bend d;
	} good[] = {
		{"as the hypervisor sends it", bend_good()},
		{"a definite map (until 2025)", {.pcr_count = 16}},
		{"tag 18 in front",
		 {.pcr_count = 16, .front = RAW("\xd2")}},
		{"tag 18 in a longer form",
		 {.pcr_count = 16, .front = RAW("\xd8\x12")}},
		{"containers inside indefinite too",
		 {.pcr_count = 16, .indefinite = true,
		  .indefinite_inside = true}},
		{"COSE array indefinite",
		 {.pcr_count = 16, .array_head = RAW("\x9f"),
		  .after_signature = RAW("\xff")}},
		{"heads longer than needed",
		 {.pcr_count = 16, .long_heads = true}},
		{"keys in another order", {.pcr_count = 16, .reversed = true}},
		{"32 PCRs", {.pcr_count = 32}},
		{"one PCR", {.pcr_count = 1}},
		{"1024 bytes in each field",
		 {.pcr_count = 16, .has_field = {true, true, true},
		  .field_len = {1024, 1024, 1024}}},
		{"empty user_data and nonce, which is not null",
		 {.pcr_count = 16, .has_field = {false, true, true}}},
		{"optional fields absent, not null",
		 {.pcr_count = 16, .omit[FIX_PUBLIC_KEY] = true,
		  .omit[FIX_USER_DATA] = true, .omit[FIX_NONCE] = true}},
		{"timestamp in eight bytes, as AWS has it",
		 {.pcr_count = 16, .value[FIX_TIMESTAMP] =
		  RAW("\x1b\x00\x00\x01\x94\x1f\x29\x7c\x00")}},
	};
	struct hm_nitro_document doc;

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++)
		ok_call(check_bend(&good[i].d, &doc), &err, "taken: %s",
			good[i].name);
}

static void test_what_is_read(void)
{
	struct bend d = {.pcr_count = 17, .has_field = {true, false, true},
			 .field_len = {3, 0, 0}};
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, 65536);
	fix_document(&out, &d, &chain);
	ok_call(check(hm_buf_slice(&out), &doc), &err, "one to look into");
	ok(hm_slice_eq_str(doc.module_id,
			   "i-0123456789abcdef0-enc0123456789abcdef") &&
		   doc.timestamp_ms == FIX_TIME_MS, "name and time");
	ok(doc.has_pcr[0] && doc.has_pcr[16] && !doc.has_pcr[17] &&
		   doc.pcr[0][0] == 1 && doc.pcr[16][47] == 17, "PCRs");
	ok(doc.cabundle_count == 4 &&
		   hm_slice_eq(doc.certificate, hm_buf_slice(&chain.der[4])) &&
		   hm_slice_eq(doc.cabundle[0], hm_buf_slice(&chain.der[0])),
	   "certificates");
	ok(doc.public_key.present && doc.public_key.bytes.len == 3 &&
		   !doc.user_data.present && doc.nonce.present &&
		   doc.nonce.bytes.len == 0, "fields: set, null, empty");
	ok(!hm_nitro_is_debug(&doc), "no debug mode");
	for (int i = 0; i < 3; i++) {
		struct hm_nitro_document bent = doc;

		memset(bent.pcr[i], 0, HM_PCR_LEN);
		ok(hm_nitro_is_debug(&bent), "PCR%d zero is debug mode", i);
		bent = doc;
		bent.has_pcr[i] = false;
		ok(hm_nitro_is_debug(&bent), "so is PCR%d not there", i);
	}
}

/* --- refused: the wrapping ------------------------------------------------- */

static void test_refused_cose(void)
{
	static const uint8_t zeros[64 + 2] = {0x58, 64};
	const struct {
		const char *name;
		enum hm_code code;
		const char *message;
		struct bend d;
	} bad[] = {
		{"another tag", HM_E_FORMAT, "tag 17 is not",
		 {.front = RAW("\xd1")}},
		{"two tags", HM_E_FORMAT, "a tag where an array belongs",
		 {.front = RAW("\xd2\xd2")}},
		{"a byte behind it", HM_E_FORMAT, "1 bytes follow",
		 {.behind = RAW("\x00")}},
		{"a map for the array", HM_E_FORMAT, "a map where an array",
		 {.array_head = RAW("\xa2")}},
		{"three members", HM_E_FORMAT, "signature: missing",
		 {.array_head = RAW("\x83")}},
		{"five members", HM_E_FORMAT, "more than four",
		 {.array_head = RAW("\x85"), .after_signature = RAW("\x00")}},
		{"no end of the indefinite array", HM_E_FORMAT, "ends early",
		 {.array_head = RAW("\x9f")}},
		{"one member", HM_E_FORMAT, "unprotected header: missing",
		 {.array_head = RAW("\x81")}},
		{"no member", HM_E_FORMAT, "protected header: missing",
		 {.array_head = RAW("\x80")}},
		{"two members", HM_E_FORMAT, "payload: missing",
		 {.array_head = RAW("\x82")}},
		{"protected header no byte string", HM_E_FORMAT,
		 "protected header: a map", {.protected_item = RAW("\xa0")}},
		{"protected header empty", HM_E_FORMAT, "names no algorithm",
		 {.protected_item = RAW("\x40")}},
		{"protected header an empty map", HM_E_FORMAT,
		 "names no algorithm",
		 {.protected_item = RAW("\x41\xa0"),
		  .protected_signed = RAW("\xa0")}},
		{"protected header no map", HM_E_FORMAT,
		 "protected header: an array",
		 {.protected_item = RAW("\x42\x81\x01"),
		  .protected_signed = RAW("\x81\x01")}},
		{"protected header cut", HM_E_FORMAT, "protected header",
		 {.protected_item = RAW("\x43\xa1\x01\x38"),
		  .protected_signed = RAW("\xa1\x01\x38")}},
		{"protected header with a second label", HM_E_FORMAT,
		 "not exactly one algorithm",
		 {.protected_item = RAW("\x46\xa2\x01\x38\x22\x04\x00"),
		  .protected_signed = RAW("\xa2\x01\x38\x22\x04\x00")}},
		{"alg twice", HM_E_FORMAT, "not exactly one algorithm",
		 {.protected_item = RAW("\x47\xa2\x01\x38\x22\x01\x38\x22"),
		  .protected_signed = RAW("\xa2\x01\x38\x22\x01\x38\x22")}},
		{"another label", HM_E_FORMAT, "not exactly one algorithm",
		 {.protected_item = RAW("\x44\xa1\x02\x38\x22"),
		  .protected_signed = RAW("\xa1\x02\x38\x22")}},
		{"a label that is text", HM_E_FORMAT, "not exactly one",
		 {.protected_item = RAW("\x45\xa1\x61" "1\x38\x22"),
		  .protected_signed = RAW("\xa1\x61" "1\x38\x22")}},
		{"alg as text", HM_E_FORMAT, "not exactly one algorithm",
		 {.protected_item = RAW("\x48\xa1\x01\x65" "ES384"),
		  .protected_signed = RAW("\xa1\x01\x65" "ES384")}},
		{"alg beyond int64", HM_E_FORMAT, "not exactly one algorithm",
		 {.protected_item =
		  RAW("\x4b\xa1\x01\x3b\xff\xff\xff\xff\xff\xff\xff\xff"),
		  .protected_signed =
		  RAW("\xa1\x01\x3b\xff\xff\xff\xff\xff\xff\xff\xff")}},
		{"a byte behind the protected map", HM_E_FORMAT,
		 "protected header: 1 bytes follow",
		 {.protected_item = RAW("\x45\xa1\x01\x38\x22\x00"),
		  .protected_signed = RAW("\xa1\x01\x38\x22\x00")}},
		{"ES256", HM_E_POLICY, "-7 is not ES384",
		 {.protected_item = RAW("\x43\xa1\x01\x26"),
		  .protected_signed = RAW("\xa1\x01\x26")}},
		{"unsigned, as QEMU sends it", HM_E_POLICY,
		 "it is not signed: it comes from an emulated enclave (QEMU)",
		 {.protected_item = RAW("\x43\xa1\x01\x20"),
		  .protected_signed = RAW("\xa1\x01\x20"),
		  .signature_item = hm_slice(zeros, sizeof(zeros))}},
		{"alg unprotected as well", HM_E_POLICY, "must be empty",
		 {.unprotected = RAW("\xa1\x01\x38\x22")}},
		{"alg unprotected only", HM_E_POLICY, "must be empty",
		 {.protected_item = RAW("\x40"),
		  .unprotected = RAW("\xa1\x01\x38\x22")}},
		{"unprotected indefinite, not empty", HM_E_POLICY,
		 "must be empty", {.unprotected = RAW("\xbf\x04\x41\x01\xff")}},
		{"unprotected no map", HM_E_FORMAT, "unprotected header: an ar",
		 {.unprotected = RAW("\x80")}},
		{"unprotected null", HM_E_FORMAT, "unprotected header: null",
		 {.unprotected = RAW("\xf6")}},
		{"signature null", HM_E_FORMAT, "signature: null",
		 {.signature_item = RAW("\xf6")}},
		{"signature empty", HM_E_FORMAT, "0 bytes, not 96",
		 {.signature_item = RAW("\x40")}},
		{"signature of 64 bytes", HM_E_FORMAT, "64 bytes, not 96",
		 {.signature_item = hm_slice(zeros, sizeof(zeros))}},
	};
	struct hm_nitro_document doc;

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		struct bend d = bad[i].d;

		d.pcr_count = 16;
		fails(check_bend(&d, &doc), &err, bad[i].code, bad[i].message,
		      "COSE refused: %s", bad[i].name);
		ok(strncmp(err.msg, "attestation document: ", 22) == 0,
		   "%s", err.msg);
	}
}

/* An indefinite COSE array that stops after each of its members. */
static void test_cut_cose(void)
{
	static const char whole[] = "\x9f\x44\xa1\x01\x38\x22\xa0\x41\xa0\x41s\xff";
	static const size_t cuts[] = {1, 6, 7, 9, 11};
	struct hm_cose_sign1 c;

	for (size_t i = 0; i < HM_ARRAY_LEN(cuts); i++)
		fails(hm_cose_parse(hm_slice(whole, cuts[i]), &c, &err), &err,
		      HM_E_FORMAT, "ends early", "cut after %zu bytes",
		      cuts[i]);
	ok_call(hm_cose_parse(hm_slice(whole, 12), &c, &err), &err, "whole");
	ok(c.payload.len == 1 && c.signature.len == 1, "its members");
}

/* --- refused: the payload ---------------------------------------------------- */

#define B48 "\x58\x30" "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B47 "\x58\x2f" "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B49 "\x58\x31" "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define VALUE(key, hex) {.value[key] = RAW(hex)}
#define OMIT(key) {.omit[key] = true}

static void test_refused_payload(void)
{
	static const uint8_t b1025[3 + 1025] = {0x59, 0x04, 0x01};
	static const uint8_t t257[3 + 257] = {0x79, 0x01, 0x01};
	const struct {
		const char *name;
		enum hm_code code;
		const char *message;
		struct bend d;
	} bad[] = {
		{"no module_id", HM_E_FORMAT, "module_id is missing",
		 OMIT(FIX_MODULE_ID)},
		{"no digest", HM_E_FORMAT, "digest is missing",
		 OMIT(FIX_DIGEST)},
		{"no timestamp", HM_E_FORMAT, "timestamp is missing",
		 OMIT(FIX_TIMESTAMP)},
		{"no pcrs", HM_E_FORMAT, "pcrs is missing", OMIT(FIX_PCRS)},
		{"no certificate", HM_E_FORMAT, "certificate is missing",
		 OMIT(FIX_CERTIFICATE)},
		{"no cabundle", HM_E_FORMAT, "cabundle is missing",
		 OMIT(FIX_CABUNDLE)},
		{"module_id null", HM_E_FORMAT, "module_id: null",
		 VALUE(FIX_MODULE_ID, "\xf6")},
		{"digest null", HM_E_FORMAT, "digest: null",
		 VALUE(FIX_DIGEST, "\xf6")},
		{"timestamp null", HM_E_FORMAT, "timestamp: null",
		 VALUE(FIX_TIMESTAMP, "\xf6")},
		{"pcrs null", HM_E_FORMAT, "pcrs: null",
		 VALUE(FIX_PCRS, "\xf6")},
		{"certificate null", HM_E_FORMAT, "certificate: null",
		 VALUE(FIX_CERTIFICATE, "\xf6")},
		{"cabundle null", HM_E_FORMAT, "cabundle: null",
		 VALUE(FIX_CABUNDLE, "\xf6")},
		{"module_id bytes", HM_E_FORMAT, "module_id: a byte string",
		 VALUE(FIX_MODULE_ID, "\x41" "i")},
		{"module_id empty", HM_E_FORMAT, "module_id: not 1",
		 VALUE(FIX_MODULE_ID, "\x60")},
		{"module_id not UTF-8", HM_E_FORMAT, "not UTF-8",
		 VALUE(FIX_MODULE_ID, "\x61\xff")},
		{"module_id with a control", HM_E_FORMAT, "printable text",
		 VALUE(FIX_MODULE_ID, "\x66" "a-enc\x1b")},
		{"module_id of 257 bytes", HM_E_FORMAT, "module_id: not 1",
		 {.value[FIX_MODULE_ID] = hm_slice(t257, sizeof(t257))}},
		{"module_id in chunks", HM_E_FORMAT, "indefinite length",
		 VALUE(FIX_MODULE_ID, "\x7f\x61" "i\xff")},
		{"module_id of a TPM", HM_E_POLICY,
		 "'i-0-tpm0' does not name an enclave",
		 VALUE(FIX_MODULE_ID, "\x68" "i-0-tpm0")},
		{"digest SHA256", HM_E_FORMAT, "SHA256, not SHA384",
		 VALUE(FIX_DIGEST, "\x66" "SHA256")},
		{"digest in lower case", HM_E_FORMAT, "sha384, not SHA384",
		 VALUE(FIX_DIGEST, "\x66" "sha384")},
		{"timestamp 0", HM_E_FORMAT, "0 is no time",
		 VALUE(FIX_TIMESTAMP, "\x00")},
		{"timestamp negative", HM_E_FORMAT, "timestamp: a negative",
		 VALUE(FIX_TIMESTAMP, "\x20")},
		{"timestamp text", HM_E_FORMAT, "timestamp: a text",
		 VALUE(FIX_TIMESTAMP, "\x61" "1")},
		{"timestamp float", HM_E_FORMAT, "floating-point",
		 VALUE(FIX_TIMESTAMP, "\xf9\x3c\x00")},
		{"timestamp in the year 10000", HM_E_FORMAT, "is no time",
		 VALUE(FIX_TIMESTAMP, "\x1b\x00\x00\xe6\x77\xd2\x1f\xdc\x00")},
		{"timestamp beyond int64", HM_E_FORMAT, "is no time",
		 VALUE(FIX_TIMESTAMP, "\x1b\xff\xff\xff\xff\xff\xff\xff\xff")},
		{"timestamp tagged", HM_E_FORMAT, "a tag where",
		 VALUE(FIX_TIMESTAMP, "\xc1\x01")},
		{"pcrs an array", HM_E_FORMAT, "pcrs: an array",
		 VALUE(FIX_PCRS, "\x80")},
		{"pcrs empty", HM_E_FORMAT, "pcrs: none",
		 VALUE(FIX_PCRS, "\xa0")},
		{"PCR32", HM_E_FORMAT, "index 32 is over 31",
		 VALUE(FIX_PCRS, "\xa1\x18\x20" B48)},
		{"PCR 2^64-1", HM_E_FORMAT, "is over 31",
		 VALUE(FIX_PCRS, "\xa1\x1b\xff\xff\xff\xff\xff\xff\xff\xff" B48)},
		{"PCR -1", HM_E_FORMAT, "pcrs: index: a negative",
		 VALUE(FIX_PCRS, "\xa1\x20" B48)},
		{"PCR '0'", HM_E_FORMAT, "pcrs: index: a text",
		 VALUE(FIX_PCRS, "\xa1\x61" "0" B48)},
		{"PCR0 of 47 bytes", HM_E_FORMAT, "PCR0 has 47 bytes, not 48",
		 VALUE(FIX_PCRS, "\xa1\x00" B47)},
		{"PCR0 of 49 bytes", HM_E_FORMAT, "PCR0 has 49 bytes, not 48",
		 VALUE(FIX_PCRS, "\xa1\x00" B49)},
		{"PCR0 empty", HM_E_FORMAT, "PCR0 has 0 bytes",
		 VALUE(FIX_PCRS, "\xa1\x00\x40")},
		{"PCR0 null", HM_E_FORMAT, "pcrs: value: null",
		 VALUE(FIX_PCRS, "\xa1\x00\xf6")},
		{"PCR0 twice", HM_E_FORMAT, "PCR0 stands twice",
		 VALUE(FIX_PCRS, "\xa2\x00" B48 "\x00" B48)},
		{"PCR0 twice in two forms", HM_E_FORMAT, "PCR0 stands twice",
		 VALUE(FIX_PCRS, "\xa2\x00" B48 "\x18\x00" B48)},
		{"pcrs ending after a key", HM_E_FORMAT, "pcrs: value: a break",
		 VALUE(FIX_PCRS, "\xbf\x00\xff")},
		{"certificate empty", HM_E_FORMAT, "0 bytes, not 1 to 1024",
		 VALUE(FIX_CERTIFICATE, "\x40")},
		{"certificate of 1025 bytes", HM_E_FORMAT,
		 "certificate: 1025 bytes, not 1 to 1024",
		 {.value[FIX_CERTIFICATE] = hm_slice(b1025, sizeof(b1025))}},
		{"certificate text", HM_E_FORMAT, "certificate: a text",
		 VALUE(FIX_CERTIFICATE, "\x61" "a")},
		{"cabundle empty", HM_E_FORMAT, "cabundle: empty",
		 VALUE(FIX_CABUNDLE, "\x80")},
		{"cabundle a map", HM_E_FORMAT, "cabundle: a map",
		 VALUE(FIX_CABUNDLE, "\xa0")},
		{"cabundle with an empty one", HM_E_FORMAT,
		 "cabundle: certificate: 0 bytes",
		 VALUE(FIX_CABUNDLE, "\x81\x40")},
		{"cabundle with null", HM_E_FORMAT,
		 "cabundle: certificate: null",
		 VALUE(FIX_CABUNDLE, "\x81\xf6")},
		{"nine in the cabundle", HM_E_TOO_LARGE,
		 "more than 8 certificates", {.root_only = 9}},
		{"public_key empty", HM_E_FORMAT,
		 "public_key: 0 bytes, not 1 to 1024",
		 VALUE(FIX_PUBLIC_KEY, "\x40")},
		{"public_key of 1025 bytes", HM_E_FORMAT,
		 "public_key: 1025 bytes, not 1 to 1024",
		 {.has_field = {true, false, false}, .field_len = {1025}}},
		{"user_data of 1025 bytes", HM_E_FORMAT,
		 "user_data: 1025 bytes, not 0 to 1024",
		 {.has_field = {false, true, false}, .field_len = {0, 1025}}},
		{"nonce of 1025 bytes", HM_E_FORMAT,
		 "nonce: 1025 bytes, not 0 to 1024",
		 {.has_field = {false, false, true},
		  .field_len = {0, 0, 1025}}},
		{"user_data text", HM_E_FORMAT, "user_data: a text",
		 VALUE(FIX_USER_DATA, "\x60")},
		{"nonce undefined", HM_E_FORMAT, "'undefined'",
		 VALUE(FIX_NONCE, "\xf7")},
		{"nonce false", HM_E_FORMAT, "nonce: a boolean",
		 VALUE(FIX_NONCE, "\xf4")},
		{"nonce in chunks", HM_E_FORMAT, "indefinite length",
		 VALUE(FIX_NONCE, "\x5f\x41" "a\xff")},
		{"an unknown key", HM_E_FORMAT, "unknown key 'x'",
		 {.extra = RAW("\x61x\x00")}},
		{"a key that is no text", HM_E_FORMAT, "key: an unsigned",
		 {.extra = RAW("\x01\x00")}},
		{"module_id twice", HM_E_FORMAT, "module_id stands twice",
		 {.extra = RAW("\x69module_id\x60")}},
		{"nonce twice, once null", HM_E_FORMAT, "nonce stands twice",
		 {.extra = RAW("\x65nonce\xf6")}},
		{"nitrotpm_pcrs beside pcrs", HM_E_POLICY,
		 "NitroTPM document of an EC2 instance",
		 {.extra = RAW("\x6dnitrotpm_pcrs\xa0")}},
		{"a byte behind the map", HM_E_FORMAT,
		 "payload: 1 bytes follow", {.in_payload_behind = RAW("\x00")}},
		{"a key without its value", HM_E_FORMAT, "nonce: a break",
		 {.omit[FIX_NONCE] = true, .indefinite = true,
		  .extra = RAW("\x65nonce")}},
	};
	struct hm_nitro_document doc;

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		struct bend d = bad[i].d;

		d.pcr_count = 16;
		fails(check_bend(&d, &doc), &err, bad[i].code, bad[i].message,
		      "payload refused: %s", bad[i].name);
		ok(strncmp(err.msg, "attestation document: ", 22) == 0,
		   "%s", err.msg);
	}
}

/* --- refused: size ----------------------------------------------------------- */

static void test_sizes(void)
{
	static uint8_t raw[HM_NITRO_DOCUMENT_MAX + 1];
	struct hm_nitro_document doc;
	size_t n = 0;

	fails(hm_nitro_parse(hm_slice(raw, sizeof(raw)), &doc, &err), &err,
	      HM_E_TOO_LARGE, "20481 bytes, more than 20480", "a huge one");
	fails(hm_nitro_parse(hm_slice(raw, 0), &doc, &err), &err, HM_E_FORMAT,
	      "ends early", "an empty one");
	/* 84 44A1013822 A0 59 4001 <16385 bytes> 5860 <96 bytes> */
	memcpy(raw, "\x84\x44\xa1\x01\x38\x22\xa0\x59\x40\x01", 10);
	n = 10 + 16385;
	memcpy(raw + n, "\x58\x60", 2);
	n += 2 + 96;
	fails(hm_nitro_parse(hm_slice(raw, n), &doc, &err), &err,
	      HM_E_TOO_LARGE, "payload: 16385 bytes, more than 16384",
	      "a payload over AWS's limit");
}

/* --- refused: proof ---------------------------------------------------------- */

/* A chain of our own with one certificate bent; the document is as it should be. */
static int check_chain(struct fix_chain *c)
{
	struct bend d = {.pcr_count = 16};
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;
	int rc;

	hm_buf_init(&out, 65536);
	fix_make_chain(c);
	fix_document(&out, &d, c);
	rc = hm_nitro_parse(hm_buf_slice(&out), &doc, &err);
	return rc != HM_OK ? rc :
			     hm_nitro_verify(&doc, c->root_sha256, &err);
}

static void test_refused_proof(void)
{
	struct bend good = {.pcr_count = 16}, swapped = {.pcr_count = 16,
							 .swap_bundle = true};
	struct bend no_leaf = {.pcr_count = 16, .value[FIX_CERTIFICATE] =
						RAW("\x41\x30")};
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;
	uint8_t other[HM_SHA256_LEN];

	hm_buf_init(&out, 65536);
	fails(check_bend(&swapped, &doc), &err, HM_E_CRYPTO, "path length",
	      "two issuers exchanged");
	fails(check_bend(&no_leaf, &doc), &err, HM_E_CRYPTO,
	      "leaf certificate: not a certificate", "a leaf that is none");
	fix_document(&out, &good, &chain);
	ok_call(hm_nitro_parse(hm_buf_slice(&out), &doc, &err), &err, "parses");
	fails(hm_nitro_verify(&doc, hm_nitro_root_g1, &err), &err, HM_E_POLICY,
	      "not the trusted one", "a foreign root");
	memcpy(other, chain.root_sha256, sizeof(other));
	other[0] ^= 0x80;
	fails(hm_nitro_verify(&doc, other, &err), &err, HM_E_POLICY,
	      "not the trusted one", "a root that differs by a bit");
	for (int half = 0; half < 2; half++) {
		uint8_t sig[96];

		memcpy(sig, doc.signature.ptr, 96);
		memset(sig + 48 * half, 0, 48);
		doc.signature = hm_slice(sig, 96);
		fails(hm_nitro_verify(&doc, chain.root_sha256, &err), &err,
		      HM_E_CRYPTO, "r or s is out of range", "%s = 0",
		      half ? "s" : "r");
		memset(sig + 48 * half, 0xff, 48);
		fails(hm_nitro_verify(&doc, chain.root_sha256, &err), &err,
		      HM_E_CRYPTO, "r or s is out of range", "%s = 2^384-1",
		      half ? "s" : "r");
		ok_call(hm_nitro_parse(hm_buf_slice(&out), &doc, &err), &err,
			"once more");
	}
}

static void test_refused_chains(void)
{
	for (int i = 0; i < FIX_CERTS; i++) {
		struct fix_chain c;

		fix_chain_init(&c);
		c.spec[i].to_ms = FIX_TIME_MS - 1000;
		fails(check_chain(&c), &err, HM_E_CRYPTO, "expired at 2025",
		      "certificate %d expired at the document's time", i);
		fix_chain_release(&c);
		fix_chain_init(&c);
		c.spec[i].from_ms = FIX_TIME_MS + 1000;
		fails(check_chain(&c), &err, HM_E_CRYPTO, "not yet valid",
		      "certificate %d not yet valid at that time", i);
		fix_chain_release(&c);
	}
	for (int i = 1; i < FIX_CERTS; i++) {
		struct fix_chain c;

		fix_chain_init(&c);
		c.spec[i].wrong_key = true;
		fails(check_chain(&c), &err, HM_E_CRYPTO, "signature failure",
		      "certificate %d signed by a stranger", i);
		fix_chain_release(&c);
	}
}

/*
 * The worker may read an unsigned document that its own NSM gave it; what it
 * reads that way never verifies.
 */
static void test_parse_own(void)
{
	static const uint8_t zeros[2 + 64] = {0x58, 64};
	struct bend qemu = {.pcr_count = 16,
			    .protected_item = RAW("\x43\xa1\x01\x20"),
			    .protected_signed = RAW("\xa1\x01\x20"),
			    .signature_item = hm_slice(zeros, sizeof(zeros))};
	struct bend es256 = {.pcr_count = 16,
			     .protected_item = RAW("\x43\xa1\x01\x26"),
			     .protected_signed = RAW("\xa1\x01\x26")};
	struct bend extra = {.pcr_count = 16, .extra = RAW("\x61x\x00")};
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, 65536);
	fix_document(&out, &qemu, &chain);
	ok_call(hm_nitro_parse_own(hm_buf_slice(&out), &doc, &err), &err,
		"an unsigned document of one's own is read");
	ok(doc.alg == HM_COSE_UNSIGNED && doc.has_pcr[15], "its content");
	fails(hm_nitro_verify(&doc, chain.root_sha256, &err), &err, HM_E_CRYPTO,
	      "COSE algorithm -1 is not for this key", "it never verifies");
	fix_document(&out, &es256, &chain);
	ok_call(hm_nitro_parse_own(hm_buf_slice(&out), &doc, &err), &err,
		"one that names another algorithm, well signed");
	fails(hm_nitro_verify(&doc, chain.root_sha256, &err), &err, HM_E_CRYPTO,
	      "COSE algorithm -7 is not for this key", "neither does it");
	fix_document(&out, &extra, &chain);
	fails(hm_nitro_parse_own(hm_buf_slice(&out), &doc, &err), &err,
	      HM_E_FORMAT, "attestation document: unknown key",
	      "the payload is read as strictly");
}

/* A P-256 leaf whose document claims ES384: its signature is 64 bytes, or padded. */
static void test_p256_leaf(void)
{
	static const uint8_t padded[2 + 96] = {0x58, 0x60, 1, 1, 1, 1};
	struct bend d = {.pcr_count = 16};
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;
	struct fix_chain c;

	hm_buf_init(&out, 65536);
	fix_chain_init(&c);
	c.spec[4].kind = HM_KEY_P256;
	fix_make_chain(&c);
	fix_document(&out, &d, &c);
	fails(hm_nitro_parse(hm_buf_slice(&out), &doc, &err), &err, HM_E_FORMAT,
	      "64 bytes, not 96", "a P-256 signature");
	d.signature_item = hm_slice(padded, sizeof(padded));
	fix_document(&out, &d, &c);
	ok_call(hm_nitro_parse(hm_buf_slice(&out), &doc, &err), &err,
		"96 bytes parse");
	fails(hm_nitro_verify(&doc, c.root_sha256, &err), &err, HM_E_CRYPTO,
	      "COSE algorithm -35 is not for this key", "a P-256 leaf");
	fix_chain_release(&c);
}

/* --- building ---------------------------------------------------------------- */

static void test_build(void)
{
	struct hm_nitro_document made = {
		.module_id = hm_slice_str("i-0-enc0"),
		.timestamp_ms = FIX_TIME_MS,
		.certificate = hm_buf_slice(&chain.der[4]),
		.cabundle_count = 4,
		.user_data = {.present = true, .bytes = hm_slice("u", 1)},
	};
	struct hm_nitro_document doc;
	AUTO_KEY struct hm_key *p256 = NULL, *other = NULL;
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, HM_NITRO_DOCUMENT_MAX);
	for (size_t i = 0; i < 4; i++)
		made.cabundle[i] = hm_buf_slice(&chain.der[i]);
	made.has_pcr[31] = true;
	made.pcr[31][0] = 9;
	ok_call(hm_nitro_build(&made, chain.keys[4], &out, &err), &err,
		"builds");
	ok_call(check(hm_buf_slice(&out), &doc), &err, "verifies");
	ok(hm_slice_eq_str(doc.user_data.bytes, "u") && doc.pcr[31][0] == 9 &&
		   !doc.has_pcr[0] && !doc.nonce.present, "same content");
	FIX_MUST(hm_key_generate(HM_KEY_P256, &p256, fix_e));
	FIX_MUST(hm_key_generate(HM_KEY_P384, &other, fix_e));
	fails(hm_nitro_build(&made, p256, &out, &err), &err, HM_E_CRYPTO,
	      "must be P-384", "not with a P-256 key");
	out.len = 0;
	ok_call(hm_nitro_build(&made, other, &out, &err), &err,
		"with another key than the leaf's");
	fails(check(hm_buf_slice(&out), &doc), &err, HM_E_CRYPTO,
	      "COSE: signature: it is not by this key", "does not verify");
}

/* Every buffer that is too small, at every place where it can end. */
static void test_build_limits(void)
{
	static const uint8_t filler[16384];
	struct hm_nitro_document made = {
		.module_id = hm_slice_str("i-enc"),
		.timestamp_ms = FIX_TIME_MS,
		.cabundle_count = 1,
		.user_data = {.present = true, .bytes = hm_slice("u", 1)},
	};
	AUTO_BUF struct hm_buf whole;
	size_t small = 0, large = 0;

	hm_buf_init(&whole, HM_NITRO_DOCUMENT_MAX);
	made.has_pcr[0] = true;
	made.certificate = hm_slice("c", 1);
	made.cabundle[0] = hm_slice("r", 1);
	ok_call(hm_nitro_build(&made, chain.keys[4], &whole, &err), &err,
		"builds a small document");
	for (size_t max = 1; max < whole.len; max++) {
		AUTO_BUF struct hm_buf out;

		hm_buf_init(&out, max);
		small += hm_nitro_build(&made, chain.keys[4], &out, &err) ==
			 HM_E_TOO_LARGE;
	}
	ok(small == whole.len - 1, "no smaller buffer takes it");
	/* Sizes around AWS's 16384, so that each field is the one too many. */
	for (size_t len = 16000; len <= 16384; len++) {
		AUTO_BUF struct hm_buf out;
		int rc;

		hm_buf_init(&out, 65536);
		made.module_id = hm_slice(filler, len);
		rc = hm_nitro_build(&made, chain.keys[4], &out, &err);
		HM_BUG_ON(rc != HM_OK && rc != HM_E_TOO_LARGE);
		large += rc == HM_E_TOO_LARGE;
	}
	ok(large > 100 && large < 384, "%zu payloads over 16384 bytes", large);
	made.module_id = hm_slice("\xff", 1);
	whole.len = 0;
	fails(hm_nitro_build(&made, chain.keys[4], &whole, &err), &err,
	      HM_E_FORMAT, "not UTF-8", "a name that is no text");
}

/* COSE_Sign1 for the other curves, which enclave images use. */
static void test_cose(void)
{
	static const struct {
		enum hm_key_kind kind;
		int64_t alg;
	} kinds[] = {{HM_KEY_P256, HM_COSE_ES256},
		     {HM_KEY_P384, HM_COSE_ES384},
		     {HM_KEY_P521, HM_COSE_ES512}};
	AUTO_KEY struct hm_key *ed = NULL;
	AUTO_BUF struct hm_buf out;
	struct hm_cose_sign1 c;

	hm_buf_init(&out, 4096);
	for (size_t i = 0; i < HM_ARRAY_LEN(kinds); i++) {
		AUTO_KEY struct hm_key *k = NULL;

		out.len = 0;
		FIX_MUST(hm_key_generate(kinds[i].kind, &k, fix_e));
		ok_call(hm_cose_sign(k, hm_slice("payload", 7), &out, &err),
			&err, "signs with curve %zu", i);
		ok_call(hm_cose_parse(hm_buf_slice(&out), &c, &err), &err,
			"parses");
		ok(c.alg == kinds[i].alg && !c.tagged &&
			   hm_slice_eq_str(c.payload, "payload"), "as signed");
		ok_call(hm_cose_verify(&c, k, &err), &err, "verifies");
		c.alg = HM_COSE_ES256 + HM_COSE_ES384 + HM_COSE_ES512 - c.alg;
		fails(hm_cose_verify(&c, k, &err), &err, HM_E_CRYPTO,
		      "is not for this key", "another algorithm");
	}
	FIX_MUST(hm_key_generate(HM_KEY_ED25519, &ed, fix_e));
	fails(hm_cose_sign(ed, hm_slice("payload", 7), &out, &err), &err,
	      HM_E_CRYPTO, "no algorithm of ours", "not with Ed25519");
	c.alg = 0;
	fails(hm_cose_verify(&c, ed, &err), &err, HM_E_CRYPTO,
	      "is not for this key", "nor does it verify");
}

int main(void)
{
	fix_chain_init(&chain);
	fix_make_chain(&chain);
	test_taken();
	test_what_is_read();
	test_refused_cose();
	test_cut_cose();
	test_refused_payload();
	test_sizes();
	test_refused_proof();
	test_refused_chains();
	test_parse_own();
	test_p256_leaf();
	test_build();
	test_build_limits();
	test_cose();
	fix_chain_release(&chain);
	return tap_done();
}
