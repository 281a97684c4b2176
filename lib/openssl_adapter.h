/*
 * What crypto*.c and x509*.c share about OpenSSL. Nobody else includes this.
 */
#pragma once

#include <openssl/evp.h>

#include "lib/crypto.h"

struct hm_key {
	EVP_PKEY *pkey;
	enum hm_key_kind kind;
};

/* Every public function that reaches OpenSSL starts with this. */
void hm_ssl_begin(void);
const EVP_MD *hm_ssl_md(enum hm_digest_alg alg);

/*
 * hm_fail() with OpenSSL's own reason appended. Drains OpenSSL's error queue, so
 * that an old failure is never taken for a new one.
 */
int hm_ssl_fail(struct hm_err *err, enum hm_code code, const char *fmt, ...)
	HM_PRINTF(3, 4);

/* Takes one reference of pkey; on failure the caller still has it. */
int hm_key_wrap(EVP_PKEY *pkey, struct hm_key **ret_k,
		struct hm_err *err) HM_MUST_CHECK;

/* OpenSSL's one-argument destructors as AUTO_ variables. */
#define HM_OPENSSL_CLEANUP(name, type, fn)                                     \
	static inline void name(type **p)                                      \
	{                                                                      \
		fn(*p);                                                        \
		*p = NULL;                                                     \
	}
