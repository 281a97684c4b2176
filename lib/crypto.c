/*
 * Digests and randomness over OpenSSL 3. What it distrusts: OpenSSL's return
 * values (0 and -1 both fail, so only == 1 is success: the CVE-2008-5077 class),
 * its error queue (cleared before, drained after) and its configuration file
 * (not read: a verdict must not depend on the machine's openssl.cnf).
 */
#include "lib/crypto.h"

#include <limits.h>
#include <stdarg.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/openssl_adapter.h"

/* Few enough reads for 1 GB, and it stays in the second-level cache. */
#define READ_CHUNK (128 * 1024)

struct hm_digest {
	EVP_MD_CTX *ctx;
	enum hm_digest_alg alg;
};

void hm_ssl_begin(void)
{
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
}

int hm_ssl_fail(struct hm_err *err, enum hm_code code, const char *fmt, ...)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	char text[HM_ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	if (!reason)
		return hm_fail(err, code, 0, "%s", text);
	return hm_fail(err, code, 0, "%s (%s)", text, reason);
}

/* --- digests --------------------------------------------------------------- */

const EVP_MD *hm_ssl_md(enum hm_digest_alg alg)
{
	switch (alg) {
	case HM_SHA256:
		return EVP_sha256();
	case HM_SHA384:
		return EVP_sha384();
	case HM_SHA512:
		return EVP_sha512();
	}
	return NULL;
}

size_t hm_digest_len(enum hm_digest_alg alg)
{
	switch (alg) {
	case HM_SHA256:
		return HM_SHA256_LEN;
	case HM_SHA384:
		return HM_SHA384_LEN;
	case HM_SHA512:
		return HM_DIGEST_MAX;
	}
	return 0;
}

int hm_digest_new(enum hm_digest_alg alg, struct hm_digest **ret_d,
		  struct hm_err *err)
{
	AUTO_DIGEST struct hm_digest *d = calloc(1, sizeof(*d));

	hm_ssl_begin();
	if (!d)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "digest");
	d->alg = alg;
	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "digest");
	if (EVP_DigestInit_ex(d->ctx, hm_ssl_md(alg), NULL) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "digest: start");
	*ret_d = HM_TAKE_PTR(d);
	return HM_OK;
}

int hm_digest_update(struct hm_digest *d, const void *p, size_t len,
		     struct hm_err *err)
{
	if (EVP_DigestUpdate(d->ctx, p, len) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "digest: update");
	return HM_OK;
}

int hm_digest_final(struct hm_digest *d, uint8_t *out, struct hm_err *err)
{
	uint8_t value[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_DigestFinal_ex(d->ctx, value, &len) != 1 ||
	    len != hm_digest_len(d->alg) ||
	    EVP_DigestInit_ex(d->ctx, hm_ssl_md(d->alg), NULL) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "digest: end");
	memcpy(out, value, len);
	return HM_OK;
}

void hm_digest_free(struct hm_digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void hm_digest_cleanup(struct hm_digest **d)
{
	hm_digest_free(*d);
	*d = NULL;
}

static int one_shot(enum hm_digest_alg alg, struct hm_slice data, uint8_t *out,
		    struct hm_err *err)
{
	uint8_t value[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	hm_ssl_begin();
	if (EVP_Digest(data.ptr, data.len, value, &len, hm_ssl_md(alg), NULL) != 1 ||
	    len != hm_digest_len(alg))
		return hm_ssl_fail(err, HM_E_CRYPTO, "digest");
	memcpy(out, value, len);
	return HM_OK;
}

int hm_sha256(struct hm_slice data, uint8_t out[HM_SHA256_LEN],
	      struct hm_err *err)
{
	return one_shot(HM_SHA256, data, out, err);
}

int hm_sha384(struct hm_slice data, uint8_t out[HM_SHA384_LEN],
	      struct hm_err *err)
{
	return one_shot(HM_SHA384, data, out, err);
}

int hm_sha256_fd(int fd, uint8_t out[HM_SHA256_LEN], uint64_t *ret_size,
		 struct hm_err *err)
{
	AUTO_DIGEST struct hm_digest *d = NULL;
	AUTO_FREE uint8_t *chunk = malloc(READ_CHUNK);
	uint64_t size = 0;
	int rc;

	if (!chunk)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "digest");
	rc = hm_digest_new(HM_SHA256, &d, err);
	if (rc != HM_OK)
		return rc;
	for (;;) {
		size_t n = 0;

		rc = hm_io_read_some(fd, chunk, READ_CHUNK, HM_NO_DEADLINE, &n,
				     err);
		if (rc != HM_OK)
			return rc;
		if (n == 0)
			break;
		if (!hm_u64_add(size, n, &size))
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "digest: endless input");
		rc = hm_digest_update(d, chunk, n, err);
		if (rc != HM_OK)
			return rc;
	}
	rc = hm_digest_final(d, out, err);
	if (rc == HM_OK && ret_size)
		*ret_size = size;
	return rc;
}

bool hm_bytes_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

int hm_random(void *out, size_t len, struct hm_err *err)
{
	hm_ssl_begin();
	if (len > INT_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "random: %zu bytes", len);
	if (RAND_priv_bytes(out, (int)len) != 1)
		return hm_ssl_fail(err, HM_E_CRYPTO, "random");
	return HM_OK;
}
