/*
 * Strict JSON (RFC 8259) over jansson; json.c is the only file that knows it.
 * Duplicate keys, trailing data, invalid UTF-8, NUL in strings, numbers outside
 * int64, nesting over HM_JSON_DEPTH and input over the given size are refused.
 * Signed JSON is never re-serialised: sign and compare bytes.
 *
 * A value is owned by its root; only the root is freed. Getters never fail:
 * they return NULL / an empty slice / false for "absent or another type".
 */
#pragma once

#include "lib/buf.h"

/* Our deepest format nests 9 deep; SLSA and Sigstore stay below 16. */
#define HM_JSON_DEPTH 32

struct hm_json;	/* opaque */

enum hm_json_type {
	HM_JSON_OBJECT,
	HM_JSON_ARRAY,
	HM_JSON_STRING,
	HM_JSON_INTEGER,
	HM_JSON_REAL,
	HM_JSON_BOOL,
	HM_JSON_NULL,
};

void hm_json_free(struct hm_json *v);
void hm_json_cleanup(struct hm_json **v);
#define AUTO_JSON HM_CLEANUP(hm_json_cleanup)

/*
 * The message of HM_E_FORMAT begins with "line N: ", N counted from 1; so does
 * that of a duplicate key, which it names.
 */
int hm_json_parse(struct hm_slice text, size_t max_bytes,
		  struct hm_json **ret_v, struct hm_err *err) HM_MUST_CHECK;

/*
 * Cuts the leading "line N: " off such a message and returns N, for callers
 * that show the line as "FILE:N:"; 0 when there is none.
 */
unsigned int hm_json_error_line(struct hm_err *err);

/* What is absent (v == NULL) has the type of null. */
enum hm_json_type hm_json_type(const struct hm_json *v);
const char *hm_json_type_name(const struct hm_json *v);	/* "a string", ... */
const struct hm_json *hm_json_get(const struct hm_json *object, const char *key);
size_t hm_json_count(const struct hm_json *v);	/* members or elements */
const struct hm_json *hm_json_at(const struct hm_json *array, size_t i);
/*
 * Members in the order of the text. Start with *key = NULL; at the end the
 * result and *key are NULL. The object must not change meanwhile.
 */
const struct hm_json *hm_json_next(const struct hm_json *object,
				   const char **key);
/* The same by number, NULL past the end. Walks from the first: O(i). */
const struct hm_json *hm_json_member(const struct hm_json *object, size_t i,
				     const char **ret_key);
/* NULL when not a string; NUL-terminated, valid UTF-8, no NUL inside. */
const char *hm_json_string(const struct hm_json *v);
bool hm_json_integer(const struct hm_json *v, int64_t *ret);
bool hm_json_bool(const struct hm_json *v, bool *ret);

/* hm_json_get + hm_json_string in one; NULL when absent or no string. */
const char *hm_json_get_string(const struct hm_json *object, const char *key);

/*
 * HM_E_FORMAT naming the first key of object that is not in the
 * NULL-terminated list.
 */
int hm_json_only_keys(const struct hm_json *object, const char *const *keys,
		      struct hm_err *err) HM_MUST_CHECK;

/*
 * Line (from 1) where the key at a dotted path stands in text that parsed,
 * e.g. "input.cmd" or "output.files.2"; 0 when there is none. Dots inside keys
 * are not supported: our formats have none that are located.
 */
unsigned int hm_json_locate(struct hm_slice text, const char *path);

/*
 * Building. Constructors return NULL when out of memory or when text is not
 * UTF-8; hm_json_set/_append take ownership of v, accept NULL and then fail, so
 * one check at the end is enough: a failed build makes hm_json_write() fail.
 */
struct hm_json *hm_json_new_object(void);
struct hm_json *hm_json_new_array(void);
struct hm_json *hm_json_new_string(struct hm_slice s);
struct hm_json *hm_json_new_str(const char *s);
struct hm_json *hm_json_new_integer(int64_t v);
struct hm_json *hm_json_new_bool(bool v);
struct hm_json *hm_json_new_null(void);
struct hm_json *hm_json_copy(const struct hm_json *v);	/* deep */
/* false (and v freed) on failure. An existing key is replaced. */
bool hm_json_set(struct hm_json *object, const char *key, struct hm_json *v);
bool hm_json_append(struct hm_json *array, struct hm_json *v);
/* NULL, or what stands in a tree where a value could not be made. */
bool hm_json_failed(const struct hm_json *v);

enum hm_json_style {
	HM_JSON_COMPACT,	/* insertion order, no blanks */
	HM_JSON_CANONICAL,	/* sorted keys, no blanks: RFC 8785 for ASCII */
	HM_JSON_PRETTY,		/* insertion order, two blanks */
};
/*
 * Appends; no newline at the end. NULL v is HM_E_NOMEM, a number with a
 * fraction HM_E_FORMAT. Controls are written as RFC 8785 wants in every style.
 */
int hm_json_write(const struct hm_json *v, enum hm_json_style style,
		  struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
