/* lib/x509: a good chain, and one broken rule after the other. */
#include "lib/x509.h"

#include "test/unit/nitro_fixture.h"
#include "test/unit/tap.h"

static struct hm_err err;

static int verify_at(const struct fix_chain *c, const int *order, size_t count,
		     int64_t at_ms)
{
	struct hm_slice bundle[HM_CHAIN_MAX + 1];
	AUTO_KEY struct hm_key *leaf = NULL;
	int rc;

	for (size_t i = 0; i < count; i++)
		bundle[i] = hm_buf_slice(&c->der[order[i]]);
	rc = hm_chain_verify(hm_buf_slice(&c->der[FIX_CERTS - 1]), bundle,
			     count, c->root_sha256, at_ms, &leaf, &err);
	if (rc == HM_OK && (!leaf || hm_key_kind(leaf) != HM_KEY_P384))
		return hm_fail(&err, HM_E_BUG, 0, "no key came out");
	if (rc != HM_OK && leaf)
		return hm_fail(&err, HM_E_BUG, 0, "a key came out");
	return rc;
}

static const int straight[] = {0, 1, 2, 3};

static int verify(struct fix_chain *c)
{
	fix_make_chain(c);
	return verify_at(c, straight, 4, FIX_TIME_MS);
}

#define AUTO_FIX HM_CLEANUP(fix_chain_release)

/* What the message calls certificate i. */
static const char *const titles[FIX_CERTS] = {
	"root certificate", "certificate 3 above the leaf",
	"certificate 2 above the leaf", "certificate 1 above the leaf",
	"leaf certificate",
};

/* Bends certificate i with one assignment and expects this refusal. */
#define BENT(i, assignment, message)                                           \
	do {                                                                   \
		AUTO_FIX struct fix_chain c_;                                  \
		struct fix_cert *s;                                            \
		fix_chain_init(&c_);                                           \
		s = &c_.spec[i];                                               \
		assignment;                                                    \
		fails(verify(&c_), &err, HM_E_CRYPTO, (message), "%s: %s",     \
		      titles[i], #assignment);                                 \
	} while (0)

/* The same, and the message must name the certificate. */
#define BENT_NAMED(i, assignment, message)                                     \
	do {                                                                   \
		BENT(i, assignment, message);                                  \
		ok(strncmp(err.msg, titles[i], strlen(titles[i])) == 0,        \
		   "and it is named: %s", err.msg);                            \
	} while (0)

#define FINE(i, assignment)                                                    \
	do {                                                                   \
		AUTO_FIX struct fix_chain c_;                                  \
		struct fix_cert *s;                                            \
		fix_chain_init(&c_);                                           \
		s = &c_.spec[i];                                               \
		assignment;                                                    \
		ok_call(verify(&c_), &err, "%s may have: %s", titles[i],       \
			#assignment);                                          \
	} while (0)

static void test_every_certificate(void)
{
	for (int i = 0; i < FIX_CERTS; i++) {
		BENT_NAMED(i, s->to_ms = FIX_TIME_MS - 1000, "expired at");
		BENT_NAMED(i, s->from_ms = FIX_TIME_MS + 1000,
			   "not yet valid at 2025-01-01T00:00:00Z (valid from "
			   "2025-01-01T00:00:01Z)");
		FINE(i, s->to_ms = FIX_TIME_MS);
		FINE(i, s->from_ms = FIX_TIME_MS);
		BENT_NAMED(i, s->kind = HM_KEY_P256, "its key is not P-384");
		BENT_NAMED(i, s->sha256 = true, "ecdsa-with-SHA384");
		BENT_NAMED(i, s->version = 1, "not an X.509 v3");
		BENT_NAMED(i, s->trailing = true, "1 bytes follow");
		BENT_NAMED(i, s->garbage = true, "not a certificate");
		BENT_NAMED(i, (s->extra_oid = "1.2.3.4", s->extra_count = 1),
			   "unknown critical extension");
		/* Policy constraints: OpenSSL would say that it knows them. */
		BENT_NAMED(i, (s->extra_oid = "2.5.29.36", s->extra_count = 1),
			   "unknown critical extension");
		BENT_NAMED(i, (s->extra_oid = "2.5.29.19", s->extra_count = 1),
			   "");
		BENT_NAMED(i, (s->extra_oid = "2.5.29.15", s->extra_count = 1),
			   "an extension is malformed");
		BENT_NAMED(i, s->usage = NULL, "its key usage");
	}
}

static void test_issuers(void)
{
	for (int i = 0; i < FIX_CERTS - 1; i++) {
		BENT_NAMED(i, s->constraints = NULL, "not marked as a CA");
		BENT_NAMED(i, s->constraints = "CA:TRUE", "not marked as a CA");
		BENT_NAMED(i, s->constraints = "critical,CA:FALSE",
			   "not marked as a CA");
		BENT_NAMED(i, s->usage = "critical,digitalSignature,cRLSign",
			   "does not allow signing certificates");
		FINE(i, s->usage = "keyCertSign");
		FINE(i, s->constraints = "critical,CA:TRUE,pathlen:3");
	}
	BENT_NAMED(0, s->constraints = "critical,CA:TRUE,pathlen:2",
		   "path length");
	BENT_NAMED(1, s->constraints = "critical,CA:TRUE,pathlen:1",
		   "path length");
	BENT_NAMED(2, s->constraints = "critical,CA:TRUE,pathlen:0",
		   "path length");
}

static void test_leaf(void)
{
	BENT_NAMED(4, s->constraints = "critical,CA:TRUE", "marked as a CA");
	BENT_NAMED(4, s->constraints = "CA:TRUE,pathlen:0", "marked as a CA");
	BENT_NAMED(4, s->constraints = "critical,CA:FALSE,pathlen:0",
		   "marked as a CA");
	BENT_NAMED(4, s->usage = "nonRepudiation", "does not allow signatures");
	FINE(4, s->constraints = NULL);
	FINE(4, s->usage = "critical,digitalSignature");
}

static void test_links(void)
{
	for (int i = 1; i < FIX_CERTS; i++) {
		BENT(i, s->wrong_key = true, "signature failure");
		BENT(i, s->issuer_name = "somebody else", "issuer");
		BENT(i, s->self_signed = true, "self");
	}
}

static void test_order(void)
{
	static const struct {
		int order[HM_CHAIN_MAX + 1];
		size_t count;
		const char *message, *name;
	} bad[] = {
		{{0, 2, 1, 3}, 4, "path length", "two exchanged"},
		{{0, 1, 3, 2}, 4, "path length", "the last two exchanged"},
		{{0, 1, 2}, 3, "issuer certificate", "the last one missing"},
		{{0, 2, 3}, 3, "issuer certificate", "the region missing"},
		{{0, 0, 1, 2, 3}, 5, "not in the order", "the root twice"},
		{{0, 3, 2, 1}, 4, "path length", "upside down"},
		{{0}, 0, "a bundle of 0", "no bundle"},
		{{0, 0, 0, 0, 0, 0, 1, 2, 3}, 9, "a bundle of 9", "too many"},
	};
	AUTO_FIX struct fix_chain c;

	fix_chain_init(&c);
	ok_call(verify(&c), &err, "the good chain");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(verify_at(&c, bad[i].order, bad[i].count, FIX_TIME_MS),
		      &err, HM_E_CRYPTO, bad[i].message, "bundle: %s",
		      bad[i].name);
	fails(verify_at(&c, (const int[]){1, 0, 2, 3}, 4, FIX_TIME_MS), &err,
	      HM_E_POLICY, "not the trusted one", "bundle: root not first");
	c.root_sha256[31] ^= 1;
	fails(verify_at(&c, straight, 4, FIX_TIME_MS), &err, HM_E_POLICY,
	      "not the trusted one", "another root is trusted");
}

/* To the millisecond, both ends included. */
static void test_times(void)
{
	AUTO_FIX struct fix_chain c;
	int64_t from, to;

	fix_chain_init(&c);
	fix_make_chain(&c);
	from = c.spec[4].from_ms;
	to = c.spec[4].to_ms;
	ok_call(verify_at(&c, straight, 4, from), &err, "at its first moment");
	ok_call(verify_at(&c, straight, 4, to), &err, "at its last moment");
	fails(verify_at(&c, straight, 4, from - 1), &err, HM_E_CRYPTO,
	      "not yet valid", "a millisecond early");
	fails(verify_at(&c, straight, 4, to + 1), &err, HM_E_CRYPTO,
	      "expired", "a millisecond late");
	fails(verify_at(&c, straight, 4, 0), &err, HM_E_CRYPTO, "not yet valid",
	      "in 1970");
	fails(verify_at(&c, straight, 4, -1), &err, HM_E_CRYPTO,
	      "not yet valid", "before that");
	fails(verify_at(&c, straight, 4, 253402300799999), &err, HM_E_CRYPTO,
	      "expired at 9999-12-31", "in 9999");
}

/* A bundle of the root alone is a chain too (AWS: one entry or more). */
static void test_short_chain(void)
{
	AUTO_FIX struct fix_chain c;
	AUTO_KEY struct hm_key *leaf = NULL;
	struct hm_slice bundle[1];

	fix_chain_init(&c);
	c.spec[1] = c.spec[4];
	fix_make_cert(&c, 0);
	fix_make_cert(&c, 1);
	FIX_MUST(hm_sha256(hm_buf_slice(&c.der[0]), c.root_sha256, fix_e));
	bundle[0] = hm_buf_slice(&c.der[0]);
	ok_call(hm_chain_verify(hm_buf_slice(&c.der[1]), bundle, 1,
				c.root_sha256, FIX_TIME_MS, &leaf, &err),
		&err, "root and leaf");
}

static void test_info(void)
{
	AUTO_FIX struct fix_chain c;
	struct hm_cert_info info;
	AUTO_BUF struct hm_buf pem, der;
	static const uint8_t zeros[5000];
	char umlauts[121];

	hm_buf_init(&pem, 8192);
	hm_buf_init(&der, 8192);
	fix_chain_init(&c);
	for (size_t i = 0; i < 60; i++)
		memcpy(umlauts + 2 * i, "\xc3\xbc", 2);
	umlauts[120] = 0;
	c.spec[0].name = "a\nb,c\x1b[1m";
	c.spec[1].name = umlauts;
	fix_make_cert(&c, 0);
	fix_make_cert(&c, 1);
	ok_call(hm_cert_info(hm_buf_slice(&c.der[0]), &info, &err), &err,
		"reads a certificate");
	ok(strcmp(info.subject, "CN=a\\0Ab\\,c\\1B[1m,O=Test") == 0,
	   "controls are escaped: %s", info.subject);
	ok(info.not_before_ms == c.spec[0].from_ms &&
		   info.not_after_ms == c.spec[0].to_ms, "its dates");
	ok_call(hm_cert_info(hm_buf_slice(&c.der[1]), &info, &err), &err,
		"one with a long name");
	ok(strlen(info.subject) == 255 &&
		   strncmp(info.subject, "CN=\\C3\\BC", 9) == 0,
	   "which is cut");
	ok(strcmp(info.issuer, "CN=a\\0Ab\\,c\\1B[1m,O=Test") == 0, "issuer");

	ok_call(hm_cert_der_to_pem(hm_buf_slice(&c.der[0]), &pem, &err), &err,
		"to PEM");
	ok_call(hm_cert_pem_to_der(hm_buf_slice(&pem), &der, &err), &err,
		"and back");
	ok(hm_slice_eq(hm_buf_slice(&der), hm_buf_slice(&c.der[0])), "same");

	fails(hm_cert_info(hm_slice(c.der[0].data, c.der[0].len - 1), &info,
			   &err), &err, HM_E_FORMAT, "not a certificate",
	      "cut short");
	fails(hm_cert_info(hm_slice(zeros, 5000), &info, &err), &err,
	      HM_E_FORMAT, "5000 bytes are no certificate", "too long");
	fails(hm_cert_info(hm_slice(NULL, 0), &info, &err), &err, HM_E_FORMAT,
	      "0 bytes are no certificate", "nothing");
	pem.len = 0;
	ok_call(hm_cert_der_to_pem(hm_slice(zeros, 40), &pem, &err), &err,
		"zeros in PEM");
	fails(hm_cert_pem_to_der(hm_buf_slice(&pem), &der, &err), &err,
	      HM_E_FORMAT, "not a certificate", "are no certificate");
}

static void test_make(void)
{
	AUTO_KEY struct hm_key *root = NULL, *leaf = NULL, *p256 = NULL;
	AUTO_KEY struct hm_key *out = NULL;
	AUTO_BUF struct hm_buf root_der, leaf_der;
	struct hm_cert_request req = {
		.common_name = "r",
		.not_before_ms = FIX_TIME_MS,
		.not_after_ms = FIX_TIME_MS + FIX_DAY_MS,
		.is_ca = true,
		.path_len = 0,
	};
	struct hm_slice bundle[1];
	uint8_t digest[HM_SHA256_LEN];

	hm_buf_init(&root_der, 4096);
	hm_buf_init(&leaf_der, 4096);
	FIX_MUST(hm_key_generate(HM_KEY_P384, &root, fix_e));
	FIX_MUST(hm_key_generate(HM_KEY_P384, &leaf, fix_e));
	FIX_MUST(hm_key_generate(HM_KEY_P256, &p256, fix_e));
	req.key = root;
	req.issuer_key = root;
	ok_call(hm_cert_make(&req, &root_der, &err), &err, "makes a root");
	req.issuer_der = hm_buf_slice(&root_der);
	req.is_ca = false;
	req.common_name = "l";
	req.key = leaf;
	ok_call(hm_cert_make(&req, &leaf_der, &err), &err, "and a leaf");
	bundle[0] = hm_buf_slice(&root_der);
	FIX_MUST(hm_sha256(bundle[0], digest, fix_e));
	ok_call(hm_chain_verify(hm_buf_slice(&leaf_der), bundle, 1, digest,
				FIX_TIME_MS, &out, &err), &err, "that verify");
	req.key = p256;
	fails(hm_cert_make(&req, &leaf_der, &err), &err, HM_E_CRYPTO,
	      "must be P-384", "no P-256 subject");
	req.key = leaf;
	req.issuer_key = p256;
	fails(hm_cert_make(&req, &leaf_der, &err), &err, HM_E_CRYPTO,
	      "must be P-384", "no P-256 issuer");
	req.issuer_key = root;
	req.issuer_der = hm_slice("x", 1);
	fails(hm_cert_make(&req, &leaf_der, &err), &err, HM_E_FORMAT,
	      "its issuer's", "no broken issuer");
	req.issuer_der = hm_buf_slice(&root_der);
	req.common_name = "12345678901234567890123456789012345678901234567890"
			  "123456789012345";
	fails(hm_cert_make(&req, &leaf_der, &err), &err, HM_E_CRYPTO, "make",
	      "a name of 65 characters");
}

int main(void)
{
	test_every_certificate();
	test_issuers();
	test_leaf();
	test_links();
	test_order();
	test_times();
	test_short_chain();
	test_info();
	test_make();
	return tap_done();
}
