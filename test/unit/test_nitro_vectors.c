/*
 * Genuine and derived documents, when they are at hand (HM_VECTORS, or
 * ../shared/vectors beside the tree): each must give the result its index
 * states. The rules are tested without them in test_nitro.c.
 */
#include <fcntl.h>

#include "lib/io.h"
#include "lib/nitro_document.h"
#include "test/unit/tap.h"

static struct hm_err err;
static uint8_t synth_root[HM_SHA256_LEN];

/* want 0: accepted. Otherwise the code, and what the message must say. */
struct vector {
	const char *name;
	int want;
	const char *message;
	bool debug;
};

static const struct vector real[] = {
	{"prod_2022-07-27_nitriding", 0, NULL, false},
	{"prod_2022-10-13_evervault_pcr8", 0, NULL, false},
	{"prod_2024-09-07_blocky_1024", 0, NULL, false},
	{"prod_2024-12-13_oyster_oldleaf", 0, NULL, false},
	{"prod_2025-04-29_oyster_pcr16", 0, NULL, false},
	{"prod_2025-12-25_dstack_indef", 0, NULL, false},
	{"debug_2023-09-18_evervault", 0, NULL, true},
	{"debug_2025-12-25_dstack_indef", 0, NULL, true},
	{"derived_tagged18", 0, NULL, false},
	{"derived_malleable_twin", 0, NULL, false},
	{"other_2026-02-03_nitrotpm", HM_E_POLICY, "NitroTPM document", false},
	{"bad_2022-11-09_veracruz_sig", HM_E_CRYPTO, "not by this key", false},
	{"bad_2024-12-13_oyster_customroot", HM_E_POLICY,
	 "not the trusted one", false},
	{"derived_trailing_byte", HM_E_FORMAT, "1 bytes follow", false},
	{"derived_truncated", HM_E_FORMAT, "cut short", false},
	{"derived_pcr0_bitflip", HM_E_CRYPTO, "not by this key", false},
	{"derived_digest_sha512", HM_E_FORMAT, "not SHA384", false},
	{"derived_sig_zero", HM_E_CRYPTO, "out of range", false},
	{"derived_alg_changed", HM_E_POLICY, "-7 is not ES384", false},
};

static const struct vector synthetic[] = {
	{"ok_plain", 0, NULL, false},
	{"ok_indef_outer", 0, NULL, false},
	{"ok_indef_nested", 0, NULL, false},
	{"ok_keys_reversed", 0, NULL, false},
	{"ok_32_pcrs", 0, NULL, true},	/* its PCR0 is zero */
	{"ok_fields_1024", 0, NULL, false},
	{"bad_null_module_id", HM_E_FORMAT, "module_id: null", false},
	{"bad_missing_digest", HM_E_FORMAT, "digest is missing", false},
	{"bad_null_timestamp", HM_E_FORMAT, "timestamp: null", false},
	{"bad_missing_pcrs", HM_E_FORMAT, "pcrs is missing", false},
	{"bad_null_cabundle", HM_E_FORMAT, "cabundle: null", false},
	{"bad_pcr_index_32", HM_E_FORMAT, "index 32 is over 31", false},
	{"bad_pcr_len_47", HM_E_FORMAT, "47 bytes, not 48", false},
	{"bad_pcrs_dup", HM_E_FORMAT, "PCR0 stands twice", false},
	{"bad_digest_sha256", HM_E_FORMAT, "SHA256, not SHA384", false},
	{"bad_timestamp_0", HM_E_FORMAT, "0 is no time", false},
	{"bad_timestamp_text", HM_E_FORMAT, "timestamp: a text", false},
	{"bad_module_id_empty", HM_E_FORMAT, "module_id: not 1", false},
	{"bad_public_key_empty", HM_E_FORMAT, "public_key: 0 bytes", false},
	{"bad_alg_unprotected", HM_E_POLICY, "unprotected header", false},
	{"bad_unprotected_nonempty", HM_E_POLICY, "must be empty", false},
	{"bad_sig_der", HM_E_FORMAT, "signature: 10", false},
	{"bad_leaf_no_digsig", HM_E_CRYPTO, "does not allow signatures", false},
	{"bad_leaf_expired", HM_E_CRYPTO, "leaf certificate: expired", false},
	{"bad_instance_expired", HM_E_CRYPTO, "above the leaf: expired", false},
	{"bad_inter_not_ca", HM_E_CRYPTO, "not marked as a CA", false},
	{"bad_cabundle_order", HM_E_CRYPTO, "", false},
	{"bad_leaf_p256_es256", HM_E_POLICY, "-7 is not ES384", false},
};

static bool read_file(const char *dir, const char *name, const char *suffix,
		      struct hm_buf *b)
{
	char path[1024];
	AUTO_CLOSE int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 &&
	       hm_io_read_to_end(fd, b, HM_NO_DEADLINE, &err) == HM_OK;
}

static int check(struct hm_slice input, const uint8_t *root,
		 struct hm_nitro_document *doc)
{
	int rc = hm_nitro_parse(input, doc, &err);

	return rc != HM_OK ? rc : hm_nitro_verify(doc, root, &err);
}

static void run(const char *dir, const struct vector *v, const uint8_t *root)
{
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 65536);
	ok(read_file(dir, v->name, ".bin", &b), "%s can be read", v->name);
	if (v->want != HM_OK) {
		fails(check(hm_buf_slice(&b), root, &doc), &err, v->want,
		      v->message, "%s is refused: %s", v->name, err.msg);
		return;
	}
	ok_call(check(hm_buf_slice(&b), root, &doc), &err, "%s", v->name);
	ok(check(hm_buf_slice(&b), root, &doc) == HM_OK &&
		   hm_nitro_is_debug(&doc) == v->debug,
	   "%s: debug mode %d", v->name, v->debug);
}

/* Fields of a genuine document, read by another program. */
static void test_fields(const char *dir)
{
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 65536);
	if (!read_file(dir, "prod_2025-04-29_oyster_pcr16", ".bin", &b) ||
	    check(hm_buf_slice(&b), hm_nitro_root_g1, &doc) != HM_OK) {
		ok(false, "the document with PCR16");
		return;
	}
	ok(doc.has_pcr[15] && doc.has_pcr[16] && !doc.has_pcr[17],
	   "it has PCR0 to 16");
	ok(doc.pcr[0][0] == 0x29 && doc.pcr[0][47] == 0xdf, "PCR0");
	ok(doc.user_data.present && doc.user_data.bytes.len == 0,
	   "its user_data is empty, which is not null");
	ok(doc.timestamp_ms == 1745922759691ULL, "its time");
	ok(doc.cabundle_count == 4 && doc.module_id.len == 39,
	   "four issuers, a name of 39 characters");
}

int main(void)
{
	const char *base = getenv("HM_VECTORS");
	char dir[1000], synth[1024];
	AUTO_BUF struct hm_buf pem, der;

	hm_buf_init(&pem, 4096);
	hm_buf_init(&der, 4096);
	(void)snprintf(dir, sizeof(dir), "%s/nitro",
		       base ? base : "../shared/vectors");
	(void)snprintf(synth, sizeof(synth), "%s/synthetic", dir);
	if (access(dir, R_OK) != 0) {
		skip("NO GENUINE DOCUMENTS at '%s': set HM_VECTORS", dir);
		return tap_done();
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(real); i++)
		run(dir, &real[i], hm_nitro_root_g1);
	test_fields(dir);
	ok(read_file(synth, "synth_root", ".pem", &pem), "the test root");
	ok_call(hm_cert_pem_to_der(hm_buf_slice(&pem), &der, &err), &err,
		"is a certificate");
	ok_call(hm_sha256(hm_buf_slice(&der), synth_root, &err), &err,
		"its digest");
	for (size_t i = 0; i < HM_ARRAY_LEN(synthetic); i++)
		run(synth, &synthetic[i], synth_root);
	return tap_done();
}
