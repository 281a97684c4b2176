/*
 * JSON text out of a tree. Our own writer, because some of these bytes are
 * signed or compared with bytes written years earlier: they may not depend on
 * the version of a library. The escapes are those of RFC 8785: the short ones
 * where JSON has them, lower case \u00xx for other controls, all else as it is.
 */
#include "lib/json.h"

#include <inttypes.h>

struct writer {
	enum hm_json_style style;
	struct hm_buf *b;
};

static int write_value(const struct writer *w, const struct hm_json *v,
		       unsigned int depth, struct hm_err *err);

static int write_escape(struct hm_buf *b, uint8_t c, struct hm_err *err)
{
	static const char shorts[] = "\b\f\n\r\t\"\\";
	static const char letters[] = "bfnrt\"\\";
	const char *p = strchr(shorts, c);

	if (p)
		return hm_buf_addf(b, err, "\\%c", letters[p - shorts]);
	return hm_buf_addf(b, err, "\\u%04x", c);
}

static int write_string(const struct writer *w, const char *s,
			struct hm_err *err)
{
	struct hm_slice text = hm_slice_str(s);
	size_t done = 0;
	int rc = hm_buf_add(w->b, "\"", 1, err);

	for (size_t i = 0; rc == HM_OK && i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		rc = hm_buf_add(w->b, text.ptr + done, i - done, err);
		if (rc == HM_OK)
			rc = write_escape(w->b, c, err);
		done = i + 1;
	}
	if (rc == HM_OK)
		rc = hm_buf_add(w->b, text.ptr + done, text.len - done, err);
	if (rc == HM_OK)
		rc = hm_buf_add(w->b, "\"", 1, err);
	return rc;
}

/* What stands before element or member i, or before the closing bracket. */
static int write_gap(const struct writer *w, bool comma, unsigned int depth,
		     struct hm_err *err)
{
	if (comma) {
		int rc = hm_buf_add(w->b, ",", 1, err);

		if (rc < 0)
			return rc;
	}
	if (w->style != HM_JSON_PRETTY)
		return HM_OK;
	return hm_buf_addf(w->b, err, "\n%*s", (int)(2 * depth), "");
}

static int write_member(const struct writer *w, const char *key,
			const struct hm_json *v, bool first,
			unsigned int depth, struct hm_err *err)
{
	int rc = write_gap(w, !first, depth, err);

	if (rc == HM_OK)
		rc = write_string(w, key, err);
	if (rc == HM_OK)
		rc = hm_buf_add_str(w->b,
				    w->style == HM_JSON_PRETTY ? ": " : ":",
				    err);
	return rc < 0 ? rc : write_value(w, v, depth, err);
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int write_sorted(const struct writer *w, const struct hm_json *object,
			unsigned int depth, struct hm_err *err)
{
	size_t n = hm_json_count(object), i = 0;
	AUTO_FREE const char **keys = calloc(n, sizeof(*keys));
	const char *key = NULL;
	int rc = HM_OK;

	if (!keys)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "sort JSON keys");
	while (hm_json_next(object, &key))
		keys[i++] = key;
	HM_BUG_ON(i != n);
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (i = 0; rc == HM_OK && i < n; i++)
		rc = write_member(w, keys[i], hm_json_get(object, keys[i]),
				  i == 0, depth, err);
	return rc;
}

static int write_object(const struct writer *w, const struct hm_json *object,
			unsigned int depth, struct hm_err *err)
{
	const struct hm_json *v;
	const char *key = NULL;
	bool first = true;
	int rc;

	if (hm_json_count(object) == 0)
		return hm_buf_add_str(w->b, "{}", err);
	rc = hm_buf_add(w->b, "{", 1, err);
	if (rc == HM_OK && w->style == HM_JSON_CANONICAL) {
		rc = write_sorted(w, object, depth + 1, err);
	} else {
		while (rc == HM_OK && (v = hm_json_next(object, &key)) != NULL) {
			rc = write_member(w, key, v, first, depth + 1, err);
			first = false;
		}
	}
	if (rc == HM_OK)
		rc = write_gap(w, false, depth, err);
	return rc < 0 ? rc : hm_buf_add(w->b, "}", 1, err);
}

static int write_array(const struct writer *w, const struct hm_json *array,
		       unsigned int depth, struct hm_err *err)
{
	size_t n = hm_json_count(array);
	int rc;

	if (n == 0)
		return hm_buf_add_str(w->b, "[]", err);
	rc = hm_buf_add(w->b, "[", 1, err);
	for (size_t i = 0; rc == HM_OK && i < n; i++) {
		rc = write_gap(w, i > 0, depth + 1, err);
		if (rc == HM_OK)
			rc = write_value(w, hm_json_at(array, i), depth + 1,
					 err);
	}
	if (rc == HM_OK)
		rc = write_gap(w, false, depth, err);
	return rc < 0 ? rc : hm_buf_add(w->b, "]", 1, err);
}

/* Recursion is bounded: a tree deeper than we would read back is refused. */
static int write_value(const struct writer *w, const struct hm_json *v,
		       unsigned int depth, struct hm_err *err)
{
	int64_t n = 0;
	bool yes = false;

	if (hm_json_failed(v))
		return hm_fail(err, HM_E_NOMEM, 0,
			       "JSON could not be built: out of memory, or text that is not UTF-8");
	switch (hm_json_type(v)) {
	case HM_JSON_OBJECT:
	case HM_JSON_ARRAY:
		if (depth >= HM_JSON_DEPTH)
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "JSON nested deeper than %d",
				       HM_JSON_DEPTH);
		return hm_json_type(v) == HM_JSON_OBJECT
			       ? write_object(w, v, depth, err)
			       : write_array(w, v, depth, err);
	case HM_JSON_STRING:
		return write_string(w, hm_json_string(v), err);
	case HM_JSON_INTEGER:
		(void)hm_json_integer(v, &n);
		return hm_buf_addf(w->b, err, "%" PRId64, n);
	case HM_JSON_BOOL:
		(void)hm_json_bool(v, &yes);
		return hm_buf_add_str(w->b, yes ? "true" : "false", err);
	case HM_JSON_NULL:
		return hm_buf_add_str(w->b, "null", err);
	case HM_JSON_REAL:
		break;
	}
	/* No format of ours has one, and their text is not unique. */
	return hm_fail(err, HM_E_FORMAT, 0,
		       "a number with a fraction cannot be written");
}

int hm_json_write(const struct hm_json *v, enum hm_json_style style,
		  struct hm_buf *b, struct hm_err *err)
{
	const struct writer w = {.style = style, .b = b};

	return write_value(&w, v, 0, err);
}
