/*
 * The Nitro Security Module's requests and answers (CBOR, as serde writes Rust
 * enums), apart from the device that carries them, so that both can be tested
 * without one.
 */
#pragma once

#include "lib/nitro_document.h"

/* The driver's limits: EMSGSIZE above them. */
#define HM_NSM_REQUEST_MAX 0x1000
#define HM_NSM_RESPONSE_MAX 0x3000

/*
 * Carries one request. response has room for HM_NSM_RESPONSE_MAX bytes; the
 * whole room must be offered, a shorter one is cut silently.
 */
struct hm_nsm_transport {
	int (*call)(void *ctx, struct hm_slice request, uint8_t *response,
		    size_t *ret_len, struct hm_err *err);
	void *ctx;
};

struct hm_nsm_description {
	uint64_t version_major, version_minor, version_patch;
	char module_id[128];
	uint64_t max_pcrs;
	bool locked[HM_NITRO_PCRS];
	char digest[16];
};

/*
 * Each is one request. HM_E_POLICY: the module refused, its error is named.
 * HM_E_PROTOCOL: its answer is not what the protocol says.
 */
int hm_nsm_describe(const struct hm_nsm_transport *t,
		    struct hm_nsm_description *ret,
		    struct hm_err *err) HM_MUST_CHECK;
int hm_nsm_describe_pcr(const struct hm_nsm_transport *t, unsigned int index,
			bool *ret_locked, uint8_t ret_value[HM_PCR_LEN],
			struct hm_err *err) HM_MUST_CHECK;
/* The value after: SHA384(old || data). */
int hm_nsm_extend_pcr(const struct hm_nsm_transport *t, unsigned int index,
		      struct hm_slice data, uint8_t ret_value[HM_PCR_LEN],
		      struct hm_err *err) HM_MUST_CHECK;
int hm_nsm_lock_pcr(const struct hm_nsm_transport *t, unsigned int index,
		    struct hm_err *err) HM_MUST_CHECK;
/* Appends 1 to 256 random bytes. */
int hm_nsm_random(const struct hm_nsm_transport *t, struct hm_buf *b,
		  struct hm_err *err) HM_MUST_CHECK;
/* Empty slices are sent as null. Appends the document, unread. */
int hm_nsm_attest(const struct hm_nsm_transport *t, struct hm_slice public_key,
		  struct hm_slice user_data, struct hm_slice nonce,
		  struct hm_buf *document, struct hm_err *err) HM_MUST_CHECK;
