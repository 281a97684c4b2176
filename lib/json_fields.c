/*
 * Strict reading of known objects. The input is a statement that somebody else
 * may have written; each key that our formats do not know is an error, because
 * a key that one program ignores is a key that another one obeys.
 */
#include "lib/json_fields.h"

#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"

/* Appends text, cut where out is full. */
static void put(char *out, size_t size, const char *text)
{
	size_t at = strlen(out), len = strlen(text);

	if (len > size - at - 1)
		len = size - at - 1;
	memcpy(out + at, text, len);
	out[at + len] = 0;
}

/* "where.key" */
static void name_key(const struct hm_json_fields *f, const char *key,
		     char *out, size_t size)
{
	out[0] = 0;
	put(out, size, f->where);
	put(out, size, f->where[0] ? "." : "");
	put(out, size, key);
}

void hm_fields_fail(struct hm_json_fields *f, const char *key,
		    const char *problem)
{
	char path[2 * HM_JSON_WHERE_MAX];

	f->object = NULL;
	if (f->reading->rc < 0)
		return;
	name_key(f, key, path, sizeof(path));
	f->reading->rc = hm_fail(f->reading->err, HM_E_FORMAT, 0, "%s: %s",
				 HM_ESC(hm_slice_str(path)), problem);
}

/* Notes that key is known. NULL when absent or after an error. */
static const struct hm_json *look(struct hm_json_fields *f, const char *key)
{
	if (f->reading->rc < 0 || !f->object)
		return NULL;
	HM_BUG_ON(f->seen_count == HM_JSON_FIELDS_MAX);
	f->seen[f->seen_count++] = key;
	return hm_json_get(f->object, key);
}

/* As look(), and the key must be there with this type. */
static const struct hm_json *need(struct hm_json_fields *f, const char *key,
				  enum hm_json_type type, const char *problem)
{
	const struct hm_json *v = look(f, key);

	if (f->reading->rc < 0)
		return NULL;
	if (!v) {
		hm_fields_fail(f, key, "is missing");
		return NULL;
	}
	if (hm_json_type(v) != type) {
		hm_fields_fail(f, key, problem);
		return NULL;
	}
	return v;
}

struct hm_json_fields hm_fields(struct hm_json_reading *reading,
				const struct hm_json *v, const char *where)
{
	struct hm_json_fields f = {.reading = reading};

	put(f.where, sizeof(f.where), where);
	if (reading->rc == HM_OK && v && hm_json_type(v) == HM_JSON_OBJECT)
		f.object = v;
	else if (reading->rc == HM_OK)
		reading->rc = hm_fail(reading->err, HM_E_FORMAT, 0,
				      "%s%sis not an object", where,
				      where[0] ? " " : "");
	return f;
}

struct hm_json_fields hm_fields_object(struct hm_json_fields *f,
				       const char *key)
{
	struct hm_json_fields child = {.reading = f->reading};

	child.object = need(f, key, HM_JSON_OBJECT, "is not an object");
	name_key(f, key, child.where, sizeof(child.where));
	return child;
}

const struct hm_json *hm_fields_array(struct hm_json_fields *f, const char *key)
{
	return need(f, key, HM_JSON_ARRAY, "is not an array");
}

struct hm_json_fields hm_fields_element(struct hm_json_fields *f,
					const char *key, size_t i)
{
	char path[HM_JSON_WHERE_MAX], index[32];
	const struct hm_json *array =
		f->object ? hm_json_get(f->object, key) : NULL;

	name_key(f, key, path, sizeof(path));
	snprintf(index, sizeof(index), "[%zu]", i);
	put(path, sizeof(path), index);
	return hm_fields(f->reading, array ? hm_json_at(array, i) : NULL, path);
}

const char *hm_fields_string(struct hm_json_fields *f, const char *key)
{
	const struct hm_json *v = need(f, key, HM_JSON_STRING,
				       "is not a string");

	return v ? hm_json_string(v) : "";
}

const char *hm_fields_string_or(struct hm_json_fields *f, const char *key,
				const char *absent)
{
	if (!hm_fields_has(f, key)) {
		(void)look(f, key);
		return absent;
	}
	return hm_fields_string(f, key);
}

void hm_fields_constant(struct hm_json_fields *f, const char *key,
			const char *want)
{
	const char *s = hm_fields_string(f, key);
	char problem[256];

	if (f->reading->rc == HM_OK && strcmp(s, want) != 0) {
		snprintf(problem, sizeof(problem), "is '%s', not '%s'",
			 HM_ESC(hm_slice_str(s)), want);
		hm_fields_fail(f, key, problem);
	}
}

int64_t hm_fields_int(struct hm_json_fields *f, const char *key)
{
	const struct hm_json *v = need(f, key, HM_JSON_INTEGER,
				       "is not an integer");
	int64_t n = 0;

	return v && hm_json_integer(v, &n) ? n : 0;
}

uint64_t hm_fields_uint(struct hm_json_fields *f, const char *key, uint64_t max)
{
	int64_t n = hm_fields_int(f, key);

	if (n < 0 || (uint64_t)n > max) {
		hm_fields_fail(f, key, "is out of range");
		return 0;
	}
	return (uint64_t)n;
}

bool hm_fields_bool(struct hm_json_fields *f, const char *key)
{
	const struct hm_json *v = need(f, key, HM_JSON_BOOL,
				       "is not true or false");
	bool b = false;

	return v && hm_json_bool(v, &b) && b;
}

void hm_fields_hex(struct hm_json_fields *f, const char *key, uint8_t *out,
		   size_t len)
{
	const char *s = hm_fields_string(f, key);
	char problem[64];

	if (f->reading->rc < 0 || hm_unhex(hm_slice_str(s), out, len))
		return;
	snprintf(problem, sizeof(problem), "is not %zu bytes in lower-case hex",
		 len);
	hm_fields_fail(f, key, problem);
}

bool hm_fields_has(const struct hm_json_fields *f, const char *key)
{
	return f->reading->rc == HM_OK && f->object &&
	       hm_json_get(f->object, key) != NULL;
}

void hm_fields_done(struct hm_json_fields *f)
{
	const char *key = NULL;

	if (f->reading->rc < 0)
		return;
	while (hm_json_next(f->object, &key)) {
		size_t i = 0;

		while (i < f->seen_count && strcmp(f->seen[i], key) != 0)
			i++;
		if (i == f->seen_count) {
			hm_fields_fail(f, key, "is not a key of this format");
			return;
		}
	}
}
