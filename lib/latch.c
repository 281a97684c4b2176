/*
 * The latch's value. CBOR, because its lengths keep neighbouring fields apart:
 * two different sets of facts are never the same bytes.
 */
#include "lib/latch.h"

#include "lib/cbor.h"

/* Six items: under 32 bytes of heads, 96 of hashes, two short names. */
#define LATCH_MAX 512

int hm_latch_digest(const struct hm_latch *l, uint8_t out[HM_SHA384_LEN],
		    struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;
	int rc;

	hm_buf_init(&b, LATCH_MAX);
	rc = hm_cbor_put_array(&b, 6, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(&b, "hallmark latch 1", err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(&b,
				       hm_slice(l->commit.bytes,
						hm_git_id_len(l->commit.alg)),
				       err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(
			&b, hm_slice(l->tree_sha256, HM_SHA256_LEN), err);
	if (rc == HM_OK)
		rc = hm_cbor_put_bytes(
			&b, hm_slice(l->config_sha256, HM_SHA256_LEN), err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(&b, l->network, err);
	if (rc == HM_OK)
		rc = hm_cbor_put_str(&b, l->runtime, err);
	return rc < 0 ? rc : hm_sha384(hm_buf_slice(&b), out, err);
}

int hm_latch_pcr(const struct hm_latch *l, uint8_t out[HM_PCR_LEN],
		 struct hm_err *err)
{
	uint8_t both[HM_PCR_LEN + HM_SHA384_LEN] = {0};
	int rc = hm_latch_digest(l, both + HM_PCR_LEN, err);

	if (rc < 0)
		return rc;
	return hm_sha384(hm_slice(both, sizeof(both)), out, err);
}
