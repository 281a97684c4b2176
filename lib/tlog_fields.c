/*
 * Strict readers for the fields of a TransparencyLogEntry. It came with a
 * bundle, so from anybody: lengths are checked before a value is used.
 */
#include "lib/tlog_fields.h"

#include <stdio.h>

#include "lib/hex.h"
#include "lib/num.h"

#define BASE64_MAX (256U << 10)

int hm_tlog_u64(const struct hm_json *object, const char *key, uint64_t *ret,
		struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(object, key);
	const char *text = hm_json_string(v);

	*ret = 0;
	if (!v || hm_json_type(v) == HM_JSON_NULL)
		return HM_OK;
	if (!text || !hm_parse_u64(hm_slice_str(text), HM_MERKLE_SIZE_MAX, ret))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s is not a number in a string", key);
	return HM_OK;
}

int hm_tlog_bytes(const struct hm_json *object, const char *key,
		  struct hm_buf *b, struct hm_err *err)
{
	const char *text = hm_json_get_string(object, key);

	if (!text)
		return hm_fail(err, HM_E_FORMAT, 0, "%s is missing", key);
	if (hm_base64_decode(b, hm_slice_str(text), err) != HM_OK)
		return hm_fail(err, HM_E_FORMAT, 0, "%s is not base64", key);
	return HM_OK;
}

static int decode_hash(const char *text, struct hm_hash *ret)
{
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, HM_SHA256_LEN);
	if (!text || hm_base64_decode(&b, hm_slice_str(text), NULL) != HM_OK ||
	    b.len != HM_SHA256_LEN)
		return HM_E_FORMAT;
	memcpy(ret->bytes, b.data, HM_SHA256_LEN);
	return HM_OK;
}

int hm_tlog_hash(const struct hm_json *object, const char *key,
		 struct hm_hash *ret, struct hm_err *err)
{
	if (decode_hash(hm_json_get_string(object, key), ret) != HM_OK)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s is not base64 of 32 bytes", key);
	return HM_OK;
}

int hm_tlog_path(const struct hm_json *object, const char *key,
		 struct hm_merkle_path *ret, struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(object, key);

	ret->count = 0;
	if (!v)
		return HM_OK;
	if (hm_json_type(v) != HM_JSON_ARRAY)
		return hm_fail(err, HM_E_FORMAT, 0, "%s is not an array", key);
	if (hm_json_count(v) > HM_MERKLE_PATH_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s: more than %d hashes", key,
			       HM_MERKLE_PATH_MAX);
	for (size_t i = 0; i < hm_json_count(v); i++) {
		const char *text = hm_json_string(hm_json_at(v, i));

		if (decode_hash(text, &ret->hashes[i]) != HM_OK)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "%s.%zu is not base64 of 32 bytes", key,
				       i);
		ret->count++;
	}
	return HM_OK;
}

struct hm_json *hm_tlog_base64(struct hm_slice bytes)
{
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, BASE64_MAX);
	if (hm_base64_add(&b, bytes, NULL) != HM_OK)
		return NULL;
	return hm_json_new_string(hm_buf_slice(&b));
}

struct hm_json *hm_tlog_number(uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return hm_json_new_str(text);
}
