/*
 * Step 7: who vouches. One interface over /dev/nsm and the development attester
 * (which signs a document of exactly the same form under a development root).
 */
#pragma once

#include "lib/nitro_document.h"

struct hm_attester;
struct hm_attester_ops {
	const char *name;	/* "nsm" or "dev" */
	int (*pcr)(struct hm_attester *a, unsigned int index,
		   uint8_t out[HM_PCR_LEN], struct hm_err *err);
	/* Extends and locks: a second call for the same index fails. */
	int (*latch)(struct hm_attester *a, unsigned int index,
		     const uint8_t data[HM_SHA384_LEN], struct hm_err *err);
	/* Document over the three fields; empty slices mean null. */
	int (*attest)(struct hm_attester *a, struct hm_slice public_key,
		      struct hm_slice user_data, struct hm_slice nonce,
		      struct hm_buf *document, struct hm_err *err);
	void (*free)(struct hm_attester *a);
};
struct hm_attester {
	const struct hm_attester_ops *ops;
};

/* /dev/nsm. HM_E_SYSTEM when there is none. */
int hm_attester_nsm(const char *device, struct hm_attester **ret_a,
		    struct hm_err *err) HM_MUST_CHECK;
/*
 * The same over any transport, which must outlive the attester. Random bytes of
 * the module go to pool ("/dev/urandom") once.
 */
struct hm_nsm_transport;
int hm_attester_nsm_over(const struct hm_nsm_transport *t, const char *pool,
			 struct hm_attester **ret_a,
			 struct hm_err *err) HM_MUST_CHECK;

/*
 * Development: root certificate (PEM) and its private key (PEM) come from the
 * host. measured: files whose SHA-384 make PCR0 (all), PCR1 (first) and PCR2
 * (rest), by the formula of an EIF; at least one without `under`. under: an NSM
 * whose PCRs to carry and to latch, or NULL (then PCRs live here). The root's
 * key signs the chain at once and is not kept.
 */
struct hm_attester_dev_spec {
	struct hm_slice root_cert_pem;
	struct hm_slice root_key_pem;
	const char *const *measured;
	size_t measured_count;
	struct hm_attester *under;	/* transferred when the call succeeds */
};
int hm_attester_dev(const struct hm_attester_dev_spec *spec,
		    struct hm_attester **ret_a, struct hm_err *err) HM_MUST_CHECK;
