/*
 * OpenSSL out of memory at every single allocation: what should be refused must
 * still be refused, what is good may fail but only with an honest code, and
 * nothing leaks (the sanitizer build looks).
 */
#include <openssl/crypto.h>

#include "lib/nitro_document.h"
#include "test/unit/nitro_fixture.h"
#include "test/unit/tap.h"

/* Counts down to the allocation that fails; below zero none does. */
static long fuse = -1;
static unsigned long blown;

static bool burns(void)
{
	if (fuse < 0)
		return false;
	if (fuse-- > 0)
		return false;
	blown++;
	return true;
}

static void *fault_malloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return burns() ? NULL : malloc(n);
}

static void *fault_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return burns() ? NULL : realloc(p, n);
}

static void fault_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

static struct fix_chain chain;
static struct hm_buf good, bad_signature, bad_chain, spki, pem, secret;
static struct hm_nitro_document made;

static int check(const struct hm_buf *b, struct hm_err *err)
{
	struct hm_nitro_document doc;
	int rc = hm_nitro_parse(hm_buf_slice(b), &doc, err);

	return rc != HM_OK ? rc : hm_nitro_verify(&doc, chain.root_sha256, err);
}

static int verify_good(struct hm_err *err)
{
	return check(&good, err);
}

static int verify_bad_signature(struct hm_err *err)
{
	return check(&bad_signature, err);
}

static int verify_bad_chain(struct hm_err *err)
{
	return check(&bad_chain, err);
}

static int build(struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, HM_NITRO_DOCUMENT_MAX);
	return hm_nitro_build(&made, chain.keys[4], &out, err);
}

static int cert_info(struct hm_err *err)
{
	struct hm_cert_info info;

	return hm_cert_info(hm_buf_slice(&chain.der[0]), &info, err);
}

static int cert_make(struct hm_err *err)
{
	const struct hm_cert_request req = {
		.common_name = "c",
		.organization = "o",
		.unit = "u",
		.not_before_ms = FIX_TIME_MS,
		.not_after_ms = FIX_TIME_MS + 1000,
		.key = chain.keys[4],
		.issuer_key = chain.keys[3],
		.issuer_der = hm_buf_slice(&chain.der[0]),
	};
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, 4096);
	return hm_cert_make(&req, &out, err);
}

static int keys(struct hm_err *err)
{
	AUTO_KEY struct hm_key *a = NULL, *b = NULL;
	AUTO_BUF struct hm_buf out, out_secret;
	int rc;

	hm_buf_init(&out, 4096);
	hm_buf_init_secret(&out_secret, 4096);
	rc = hm_key_from_spki(hm_buf_slice(&spki), &a, err);
	if (rc == HM_OK)
		rc = hm_key_from_private_pem(hm_buf_slice(&secret), &b, err);
	if (rc == HM_OK)
		rc = hm_key_private_pem(b, &out_secret, err);
	return rc != HM_OK ? rc : hm_key_public_pem(b, &out, err);
}

static int make_key(struct hm_err *err)
{
	AUTO_KEY struct hm_key *k = NULL;

	return hm_key_generate(HM_KEY_P256, &k, err);
}

static int digests(struct hm_err *err)
{
	AUTO_DIGEST struct hm_digest *d = NULL;
	uint8_t out[HM_DIGEST_MAX];
	int rc = hm_digest_new(HM_SHA384, &d, err);

	if (rc == HM_OK)
		rc = hm_digest_update(d, "abc", 3, err);
	if (rc == HM_OK)
		rc = hm_digest_final(d, out, err);
	return rc != HM_OK ? rc : hm_sha256(hm_slice("abc", 3), out, err);
}

static bool is_honest(int rc)
{
	return rc == HM_E_NOMEM || rc == HM_E_CRYPTO || rc == HM_E_FORMAT;
}

/*
 * Runs op with its first, second, ... allocation failing, until none is left;
 * with a step above 1 only every so manieth, where there are thousands.
 */
static void sweep(const char *name, int (*op)(struct hm_err *err), bool is_good,
		  unsigned long step)
{
	unsigned long at = 0, tries = 0, wrong = 0, failed = 0;
	struct hm_err err;
	int rc;

	(void)op(&err);	/* what OpenSSL sets up once is set up */
	for (;;) {
		unsigned long before = blown;

		fuse = (long)at;
		rc = op(&err);
		fuse = -1;
		if (blown == before)
			break;
		tries++;
		at += step;
		failed += rc != HM_OK;
		if (rc == HM_OK ? !is_good : !is_honest(rc)) {
			printf("# allocation %lu: %d %s\n", at - step, rc,
			       rc == HM_OK ? "" : err.msg);
			wrong++;
		}
	}
	ok((rc == HM_OK) == is_good, "%s: the right answer with memory", name);
	ok(tries > 0 && failed > 0 && wrong == 0,
	   "%s: %lu allocations, %lu of them needed, none fools it", name,
	   tries, failed);
}

static void set_up(void)
{
	struct bend d = {.pcr_count = 3, .root_only = 1};

	/* Leaf right under the root: half the allocations, the same code. */
	fix_chain_init(&chain);
	chain.spec[3] = chain.spec[0];
	fix_make_cert(&chain, 0);
	FIX_MUST(hm_key_generate(HM_KEY_P384, &chain.keys[3], fix_e));
	fix_make_cert(&chain, 4);
	hm_buf_init(&bad_chain, 65536);
	hm_buf_init(&good, 65536);
	hm_buf_init(&bad_signature, 65536);
	FIX_MUST(hm_sha256(hm_buf_slice(&chain.der[0]), chain.root_sha256,
			   fix_e));
	fix_document(&bad_chain, &d, &chain);
	hm_key_free(chain.keys[3]);
	chain.keys[3] = HM_TAKE_PTR(chain.keys[0]);
	fix_make_cert(&chain, 4);
	fix_document(&good, &d, &chain);
	FIX_MUST(hm_buf_add_slice(&bad_signature, hm_buf_slice(&good), fix_e));
	bad_signature.data[bad_signature.len - 1] ^= 1;

	hm_buf_init(&spki, 1024);
	hm_buf_init(&pem, 1024);
	hm_buf_init_secret(&secret, 1024);
	FIX_MUST(hm_key_spki(chain.keys[4], &spki, fix_e));
	FIX_MUST(hm_key_private_pem(chain.keys[4], &secret, fix_e));
	made = (struct hm_nitro_document){
		.module_id = hm_slice("i-enc", 5),
		.timestamp_ms = FIX_TIME_MS,
		.certificate = hm_buf_slice(&chain.der[4]),
		.cabundle = {hm_buf_slice(&chain.der[0])},
		.cabundle_count = 1,
	};
}

int main(void)
{
	if (CRYPTO_set_mem_functions(fault_malloc, fault_realloc, fault_free) !=
	    1) {
		printf("Bail out! OpenSSL has allocated already\n");
		return 1;
	}
	set_up();
	sweep("a bad signature", verify_bad_signature, false, 5);
	sweep("a bad chain", verify_bad_chain, false, 13);
	sweep("a good document", verify_good, true, 13);
	sweep("building", build, true, 1);
	sweep("looking at a certificate", cert_info, true, 5);
	sweep("making a certificate", cert_make, true, 13);
	sweep("keys", keys, true, 29);
	sweep("making a key", make_key, true, 1);
	sweep("digests", digests, true, 1);
	fix_chain_release(&chain);
	hm_buf_release(&good);
	hm_buf_release(&bad_signature);
	hm_buf_release(&bad_chain);
	hm_buf_release(&spki);
	hm_buf_release(&pem);
	hm_buf_release(&secret);
	return tap_done();
}
