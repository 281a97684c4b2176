/*
 * JSON over jansson. What jansson leaves open is closed here: duplicate keys
 * (it keeps the last by default: the CouchDB CVE-2017-12635 class), nesting (its
 * own limit of 2048 is for its stack, not for ours) and size. Texts come from
 * repositories, logs and downloads: nothing in them is believed, and what an
 * error message quotes of them is escaped.
 *
 * A struct hm_json is a json_t under another name; nothing here is ever
 * dereferenced as struct hm_json.
 */
#include "lib/json.h"

#include <stdatomic.h>

#include <jansson.h>

#include "lib/log.h"

/*
 * Stands in a tree where a value could not be made. Static, so that marking a
 * failure needs no memory for the mark itself; a reference count of SIZE_MAX is
 * how jansson marks its own singletons.
 */
static json_t json_poison = {.type = JSON_NULL, .refcount = SIZE_MAX};
/* Even the mark found no memory: no later write can be trusted. */
static atomic_bool json_lost;

static struct hm_json *wrap(json_t *j)
{
	return (struct hm_json *)j;
}

/* jansson's getters that take a non-const json_t do not change it. */
static json_t *unwrap(const struct hm_json *v)
{
	return (json_t *)(uintptr_t)v;
}

void hm_json_free(struct hm_json *v)
{
	json_decref(unwrap(v));
}

void hm_json_cleanup(struct hm_json **v)
{
	int saved = errno;

	hm_json_free(*v);
	*v = NULL;
	errno = saved;
}

/*
 * Depth and line by counting brackets outside strings. On text that is not JSON
 * the count may be wrong, but only behind the place where jansson gives up, so
 * jansson never recurses deeper than what was allowed here.
 */
static int check_depth(struct hm_slice text, struct hm_err *err)
{
	unsigned int depth = 0, line = 1;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '\n')
			line++;
		if (c == '"') {
			in_string = !in_string;
		} else if (in_string) {
			if (c == '\\')
				i++;
		} else if (c == '{' || c == '[') {
			if (++depth > HM_JSON_DEPTH)
				return hm_fail(err, HM_E_FORMAT, 0,
					       "line %u: nested deeper than %d",
					       line, HM_JSON_DEPTH);
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return HM_OK;
}

/* The string token that ends right before position, without its quotes. */
static struct hm_slice token_before(struct hm_slice text, size_t position)
{
	size_t end, i;

	if (position < 2 || position > text.len ||
	    text.ptr[position - 1] != '"')
		return hm_slice(NULL, 0);
	end = position - 1;
	for (i = end; i > 0; i--) {
		size_t slashes = 0;

		if (text.ptr[i - 1] != '"')
			continue;
		while (slashes < i - 1 && text.ptr[i - 2 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			break;
	}
	return hm_slice(text.ptr + i, end - i);
}

static int parse_failure(struct hm_slice text, const json_error_t *e,
			 struct hm_err *err)
{
	int line = e->line > 0 ? e->line : 1;

	/* One code on purpose: the rest of jansson's list is syntax. */
	switch ((int)json_error_code(e)) {
	case json_error_out_of_memory:
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "parse JSON");
	case json_error_duplicate_key:
		return hm_fail(err, HM_E_FORMAT, 0,
			       "line %d: key '%s' is there twice", line,
			       HM_ESC(token_before(text, (size_t)e->position)));
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return hm_fail(err, HM_E_FORMAT, 0,
			       "line %d: a string holds a NUL character", line);
	default:
		return hm_fail(err, HM_E_FORMAT, 0, "line %d: %s", line,
			       HM_ESC(hm_slice_str(e->text)));
	}
}

int hm_json_parse(struct hm_slice text, size_t max_bytes,
		  struct hm_json **ret_v, struct hm_err *err)
{
	json_error_t e;
	json_t *j;
	int rc;

	if (text.len > max_bytes)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "%zu bytes of JSON; the limit is %zu", text.len,
			       max_bytes);
	rc = check_depth(text, err);
	if (rc < 0)
		return rc;
	if (text.len == 0)
		return hm_fail(err, HM_E_FORMAT, 0, "line 1: the text is empty");
	if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "line 1: a byte order mark stands before the text");
	j = json_loadb((const char *)text.ptr, text.len,
		       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!j)
		return parse_failure(text, &e, err);
	*ret_v = wrap(j);
	return HM_OK;
}

unsigned int hm_json_error_line(struct hm_err *err)
{
	unsigned int line = 0;
	int used = 0;

	if (sscanf(err->msg, "line %9u: %n", &line, &used) != 1 || used == 0)
		return 0;
	memmove(err->msg, err->msg + used, strlen(err->msg + used) + 1);
	return line;
}

enum hm_json_type hm_json_type(const struct hm_json *v)
{
	if (!v)
		return HM_JSON_NULL;
	switch (json_typeof(unwrap(v))) {
	case JSON_OBJECT:
		return HM_JSON_OBJECT;
	case JSON_ARRAY:
		return HM_JSON_ARRAY;
	case JSON_STRING:
		return HM_JSON_STRING;
	case JSON_INTEGER:
		return HM_JSON_INTEGER;
	case JSON_REAL:
		return HM_JSON_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return HM_JSON_BOOL;
	case JSON_NULL:
		return HM_JSON_NULL;
	}
	hm_bug(__FILE__, __LINE__, "a json type that jansson does not have");
}

const char *hm_json_type_name(const struct hm_json *v)
{
	static const char *const names[] = {
		[HM_JSON_OBJECT] = "an object",
		[HM_JSON_ARRAY] = "an array",
		[HM_JSON_STRING] = "a string",
		[HM_JSON_INTEGER] = "a whole number",
		[HM_JSON_REAL] = "a number with a fraction or exponent",
		[HM_JSON_BOOL] = "true or false",
		[HM_JSON_NULL] = "null",
	};

	return v ? names[hm_json_type(v)] : "absent";
}

const struct hm_json *hm_json_get(const struct hm_json *object, const char *key)
{
	return wrap(json_object_get(unwrap(object), key));
}

size_t hm_json_count(const struct hm_json *v)
{
	const json_t *j = unwrap(v);

	return json_is_object(j) ? json_object_size(j) : json_array_size(j);
}

const struct hm_json *hm_json_at(const struct hm_json *array, size_t i)
{
	return wrap(json_array_get(unwrap(array), i));
}

const struct hm_json *hm_json_next(const struct hm_json *object,
				   const char **key)
{
	json_t *j = unwrap(object);
	void *iter;

	if (!json_is_object(j))
		return NULL;
	iter = *key ? json_object_iter_next(j, json_object_key_to_iter(*key))
		    : json_object_iter(j);
	*key = iter ? json_object_iter_key(iter) : NULL;
	return iter ? wrap(json_object_iter_value(iter)) : NULL;
}

const struct hm_json *hm_json_member(const struct hm_json *object, size_t i,
				     const char **ret_key)
{
	const char *key = NULL;
	const struct hm_json *v = hm_json_next(object, &key);

	while (key && i-- > 0)
		v = hm_json_next(object, &key);
	if (v)
		*ret_key = key;
	return v;
}

const char *hm_json_string(const struct hm_json *v)
{
	return json_string_value(unwrap(v));
}

bool hm_json_integer(const struct hm_json *v, int64_t *ret)
{
	if (!json_is_integer(unwrap(v)))
		return false;
	*ret = json_integer_value(unwrap(v));
	return true;
}

bool hm_json_bool(const struct hm_json *v, bool *ret)
{
	if (!json_is_boolean(unwrap(v)))
		return false;
	*ret = json_is_true(unwrap(v));
	return true;
}

const char *hm_json_get_string(const struct hm_json *object, const char *key)
{
	return hm_json_string(hm_json_get(object, key));
}

int hm_json_only_keys(const struct hm_json *object, const char *const *keys,
		      struct hm_err *err)
{
	const char *key = NULL;

	for (;;) {
		size_t i = 0;

		(void)hm_json_next(object, &key);
		if (!key)
			return HM_OK;
		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i])
			return hm_fail(err, HM_E_FORMAT, 0, "unknown key '%s'",
				       HM_ESC(hm_slice_str(key)));
	}
}

struct hm_json *hm_json_new_object(void)
{
	return wrap(json_object());
}

struct hm_json *hm_json_new_array(void)
{
	return wrap(json_array());
}

struct hm_json *hm_json_new_string(struct hm_slice s)
{
	if (s.len > 0 && memchr(s.ptr, 0, s.len))
		return NULL;
	return wrap(json_stringn(s.len > 0 ? (const char *)s.ptr : "", s.len));
}

struct hm_json *hm_json_new_str(const char *s)
{
	return wrap(json_string(s));
}

struct hm_json *hm_json_new_integer(int64_t v)
{
	return wrap(json_integer(v));
}

struct hm_json *hm_json_new_bool(bool v)
{
	return wrap(json_boolean(v));
}

struct hm_json *hm_json_new_null(void)
{
	return wrap(json_null());
}

struct hm_json *hm_json_copy(const struct hm_json *v)
{
	return wrap(json_deep_copy(unwrap(v)));
}

bool hm_json_set(struct hm_json *object, const char *key, struct hm_json *v)
{
	if (!object) {	/* it could not be made, which its own parent marks */
		hm_json_free(v);
		return false;
	}
	if (json_object_set_new(unwrap(object), key, unwrap(v)) == 0)
		return true;
	if (json_object_set(unwrap(object), "", &json_poison) != 0)
		atomic_store(&json_lost, true);
	return false;
}

bool hm_json_append(struct hm_json *array, struct hm_json *v)
{
	if (!array) {
		hm_json_free(v);
		return false;
	}
	if (json_array_append_new(unwrap(array), unwrap(v)) == 0)
		return true;
	if (json_array_append(unwrap(array), &json_poison) != 0)
		atomic_store(&json_lost, true);
	return false;
}

bool hm_json_failed(const struct hm_json *v)
{
	return !v || unwrap(v) == &json_poison || atomic_load(&json_lost);
}
