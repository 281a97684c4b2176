/*
 * Certificates, chains, keys and PEM from strangers. First byte: which. A chain
 * is leaf, then bundle root first, each with a length of two bytes in front; the
 * root counts as trusted, so that everything behind that check is reached.
 */
#include "lib/num.h"
#include "lib/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 2025-01-01: when the seeds are valid. */
#define AT_MS 1735689600000LL

static void chain(struct hm_slice in)
{
	struct hm_slice certs[HM_CHAIN_MAX + 1];
	uint8_t root[HM_SHA256_LEN];
	struct hm_key *leaf = NULL;
	struct hm_err err;
	size_t n = 0;

	while (in.len >= 2 && n < HM_CHAIN_MAX + 1) {
		size_t len = hm_get_u16be(in.ptr);

		if (len > in.len - 2)
			return;
		certs[n++] = hm_slice(in.ptr + 2, len);
		in = hm_slice(in.ptr + 2 + len, in.len - 2 - len);
	}
	if (n < 2 || hm_sha256(certs[1], root, &err) != HM_OK)
		return;
	if (hm_chain_verify(certs[0], certs + 1, n - 1, root, AT_MS, &leaf,
			    &err) == HM_OK) {
		HM_BUG_ON(!leaf || hm_key_kind(leaf) != HM_KEY_P384);
		hm_key_free(leaf);
	} else {
		HM_BUG_ON(leaf || err.code != HM_E_CRYPTO);
	}
}

static void certificate(struct hm_slice in)
{
	struct hm_cert_info info;
	struct hm_key *key = NULL;
	struct hm_err err;

	if (hm_cert_info(in, &info, &err) == HM_OK)
		HM_BUG_ON(!hm_slice_is_text(hm_slice_str(info.subject)) ||
			  !hm_slice_is_text(hm_slice_str(info.issuer)));
	if (hm_cert_key(in, &key, &err) == HM_OK)
		hm_key_free(key);
}

/* A key that is taken is written back as it was. */
static void spki(struct hm_slice in)
{
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf again;
	struct hm_err err;

	hm_buf_init(&again, in.len + 1);
	if (hm_key_from_spki(in, &key, &err) != HM_OK)
		return;
	HM_BUG_ON(hm_key_spki(key, &again, &err) != HM_OK ||
		  !hm_slice_eq(hm_buf_slice(&again), in));
	HM_BUG_ON(hm_key_verify(key, in, in, &err) == HM_OK);
}

static void pem(struct hm_slice in)
{
	struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf der;
	struct hm_err err;

	hm_buf_init(&der, in.len + 1);
	(void)!hm_cert_pem_to_der(in, &der, &err);
	if (hm_key_from_public_pem(in, &key, &err) == HM_OK)
		hm_key_free(key);
	if (hm_key_from_private_pem(in, &key, &err) == HM_OK)
		hm_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const which[])(struct hm_slice) = {chain, certificate,
							 spki, pem};

	if (size > 0)
		which[data[0] % HM_ARRAY_LEN(which)](
			hm_slice(data + 1, size - 1));
	return 0;
}
