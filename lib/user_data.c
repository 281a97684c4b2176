/*
 * user_data of the attestation. Keys are in the order of RFC 8949 section
 * 4.2.1 (by their encoded bytes, so shorter ones first); "hallmark": 1 is both
 * the version and what tells this map from anybody else's user_data.
 *
 * The parser's input comes out of a document that may be anybody's.
 */
#include "lib/user_data.h"

#include "lib/cbor.h"

#define VERSION 1U
#define PAIRS 5U

int hm_user_data_write(const struct hm_user_data *u, struct hm_buf *b,
		       struct hm_err *err)
{
	const struct {
		const char *key;
		struct hm_slice bytes;
	} pairs[] = {
		{"tree", hm_slice(u->tree_sha256, HM_SHA256_LEN)},
		{"commit", hm_slice(u->commit.bytes,
				    hm_git_id_len(u->commit.alg))},
		{"hallmark", hm_slice(NULL, 0)},
		{"artifacts", hm_slice(u->artifacts_sha256, HM_SHA256_LEN)},
		{"statement", hm_slice(u->statement_sha256, HM_SHA256_LEN)},
	};
	int rc = hm_cbor_put_map(b, PAIRS, err);

	_Static_assert(HM_ARRAY_LEN(pairs) == PAIRS, "one row per key");
	for (size_t i = 0; rc == HM_OK && i < PAIRS; i++) {
		rc = hm_cbor_put_str(b, pairs[i].key, err);
		if (rc < 0)
			break;
		rc = pairs[i].bytes.ptr ? hm_cbor_put_bytes(b, pairs[i].bytes, err) :
					  hm_cbor_put_uint(b, VERSION, err);
	}
	return rc;
}

static int take_key(struct hm_cbor_reader *r, const char *key,
		    struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_TEXT, "key", &item, err);

	if (rc < 0)
		return rc;
	if (!hm_slice_eq_str(item.bytes, key))
		return hm_fail(err, HM_E_FORMAT, 0, "'%s' expected here", key);
	return HM_OK;
}

static int take_hash(struct hm_cbor_reader *r, const char *key,
		     uint8_t out[HM_SHA256_LEN], struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = take_key(r, key, err);

	if (rc == HM_OK)
		rc = hm_cbor_expect(r, HM_CBOR_BYTES, key, &item, err);
	if (rc < 0)
		return rc;
	if (item.bytes.len != HM_SHA256_LEN)
		return hm_fail(err, HM_E_FORMAT, 0, "'%s' has %zu bytes", key,
			       item.bytes.len);
	memcpy(out, item.bytes.ptr, HM_SHA256_LEN);
	return HM_OK;
}

static int take_commit(struct hm_cbor_reader *r, struct hm_git_id *out,
		       struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = take_key(r, "commit", err);

	if (rc == HM_OK)
		rc = hm_cbor_expect(r, HM_CBOR_BYTES, "commit", &item, err);
	if (rc < 0)
		return rc;
	*out = (struct hm_git_id){.alg = HM_GIT_SHA1};
	if (item.bytes.len == hm_git_id_len(HM_GIT_SHA256))
		out->alg = HM_GIT_SHA256;
	else if (item.bytes.len != hm_git_id_len(HM_GIT_SHA1))
		return hm_fail(err, HM_E_FORMAT, 0, "'commit' has %zu bytes",
			       item.bytes.len);
	memcpy(out->bytes, item.bytes.ptr, item.bytes.len);
	return HM_OK;
}

static int take_version(struct hm_cbor_reader *r, struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = take_key(r, "hallmark", err);

	if (rc == HM_OK)
		rc = hm_cbor_expect(r, HM_CBOR_UINT, "hallmark", &item, err);
	if (rc < 0)
		return rc;
	if (item.value != VERSION)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "version %llu is not known here",
			       (unsigned long long)item.value);
	return HM_OK;
}

static int parse(struct hm_cbor_reader *r, struct hm_user_data *u,
		 struct hm_err *err)
{
	struct hm_cbor_item map;
	int rc = hm_cbor_expect(r, HM_CBOR_MAP, "map", &map, err);

	if (rc < 0)
		return rc;
	if (map.value != PAIRS)
		return hm_fail(err, HM_E_FORMAT, 0, "not a map of %u keys",
			       PAIRS);
	rc = take_hash(r, "tree", u->tree_sha256, err);
	if (rc == HM_OK)
		rc = take_commit(r, &u->commit, err);
	if (rc == HM_OK)
		rc = take_version(r, err);
	if (rc == HM_OK)
		rc = take_hash(r, "artifacts", u->artifacts_sha256, err);
	if (rc == HM_OK)
		rc = take_hash(r, "statement", u->statement_sha256, err);
	return rc < 0 ? rc : hm_cbor_done(r, "map", err);
}

int hm_user_data_parse(struct hm_slice s, struct hm_user_data *ret_u,
		       struct hm_err *err)
{
	struct hm_cbor_reader r = hm_cbor_reader(s, true);
	struct hm_user_data u;
	int rc;

	if (s.len > HM_USER_DATA_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "user_data: %zu bytes, more than %d", s.len,
			       HM_USER_DATA_MAX);
	rc = parse(&r, &u, err);
	if (rc < 0)
		return hm_err_prefix(err, "user_data");
	*ret_u = u;
	return HM_OK;
}
