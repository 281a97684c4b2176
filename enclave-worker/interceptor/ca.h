/*
 * A certificate authority that lives as long as one build. Its key is made in
 * the interceptor, never leaves it, and ends with it. What leaves is the
 * certificate, in every form that some program's trust store takes.
 */
#pragma once

#include <openssl/types.h>

#include "lib/buf.h"

/* Leaves kept. The largest builds talk to a few dozen names. */
#define HM_CA_LEAVES 256

struct hm_ca;
int hm_ca_new(struct hm_ca **ret_ca, struct hm_err *err) HM_MUST_CHECK;
void hm_ca_free(struct hm_ca *ca);

/*
 * Fills the (existing, empty) directory: ca-certificates.crt, <hash>.0, and
 * java/cacerts (a JKS). Readable by everybody: these are public.
 */
int hm_ca_write_dir(const struct hm_ca *ca, int dir,
		    struct hm_err *err) HM_MUST_CHECK;

/* A server certificate for a DNS name or an IPv4 address; the cache's. */
int hm_ca_leaf(struct hm_ca *ca, const char *name, X509 **ret_cert,
	       struct hm_err *err) HM_MUST_CHECK;
/* The key of every leaf. */
EVP_PKEY *hm_ca_leaf_key(const struct hm_ca *ca);
