/*
 * Fields of proto3 JSON as Sigstore writes it: bytes are base64, 64-bit integers
 * are strings, and what has its default value may be left out.
 */
#pragma once

#include "lib/json.h"
#include "lib/merkle.h"

/* Absent or null is 0. */
int hm_tlog_u64(const struct hm_json *object, const char *key, uint64_t *ret,
		struct hm_err *err) HM_MUST_CHECK;
/* Absent is an error; b's max is the limit. */
int hm_tlog_bytes(const struct hm_json *object, const char *key,
		  struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
int hm_tlog_hash(const struct hm_json *object, const char *key,
		 struct hm_hash *ret, struct hm_err *err) HM_MUST_CHECK;
/* An array of base64 hashes; absent is the empty path. */
int hm_tlog_path(const struct hm_json *object, const char *key,
		 struct hm_merkle_path *ret, struct hm_err *err) HM_MUST_CHECK;
/* NULL when out of memory, as constructors of json.h. */
struct hm_json *hm_tlog_base64(struct hm_slice bytes);
struct hm_json *hm_tlog_number(uint64_t v);
