/*
 * Taking an object apart, field by field, when every field is known: absent,
 * mistyped and unknown keys are HM_E_FORMAT with the path of the key. The first
 * error sticks and later calls do nothing but return zeros and empty strings,
 * so a reader of a whole format is straight-line code with one check at the end.
 */
#pragma once

#include "lib/json.h"

/* One reading; shared by all the objects of a document. */
struct hm_json_reading {
	int rc;			/* HM_OK or the first error's code */
	struct hm_err *err;
};

/* Our widest object has 12 keys. */
#define HM_JSON_FIELDS_MAX 24
#define HM_JSON_WHERE_MAX 96

struct hm_json_fields {
	struct hm_json_reading *reading;
	const struct hm_json *object;	/* NULL after an error */
	char where[HM_JSON_WHERE_MAX];	/* "predicate.runDetails", cut to fit */
	const char *seen[HM_JSON_FIELDS_MAX];
	size_t seen_count;
};

/* v must be an object; where is its name for messages ("" for the root). */
struct hm_json_fields hm_fields(struct hm_json_reading *reading,
				const struct hm_json *v, const char *where);
/* The object under key, which must be there. */
struct hm_json_fields hm_fields_object(struct hm_json_fields *f, const char *key);
/* The array under key, which must be there; NULL after an error. */
const struct hm_json *hm_fields_array(struct hm_json_fields *f, const char *key);
/* Element i of that array, as an object called "key[i]". */
struct hm_json_fields hm_fields_element(struct hm_json_fields *f,
					const char *key, size_t i);
/* Never NULL: "" after an error. */
const char *hm_fields_string(struct hm_json_fields *f, const char *key);
/* As above, and "" when the key is absent. */
const char *hm_fields_string_or(struct hm_json_fields *f, const char *key,
				const char *absent);
/* The string must be exactly this. */
void hm_fields_constant(struct hm_json_fields *f, const char *key,
			const char *want);
int64_t hm_fields_int(struct hm_json_fields *f, const char *key);
/* An integer from 0 to max. */
uint64_t hm_fields_uint(struct hm_json_fields *f, const char *key, uint64_t max);
bool hm_fields_bool(struct hm_json_fields *f, const char *key);
/* Exactly len bytes as lower-case hex. */
void hm_fields_hex(struct hm_json_fields *f, const char *key, uint8_t *out,
		   size_t len);
bool hm_fields_has(const struct hm_json_fields *f, const char *key);
/* Every key has been asked for: an unknown one is an error. */
void hm_fields_done(struct hm_json_fields *f);
/* Reports a problem of the value under key; the first one sticks. */
void hm_fields_fail(struct hm_json_fields *f, const char *key,
		    const char *problem);
