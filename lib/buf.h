/*
 * Borrowed bytes (struct hm_slice, by value) and owned, growing, capped bytes
 * (struct hm_buf). A buffer's maximum is given at init and never exceeded:
 * growing past it is HM_E_TOO_LARGE, so no peer can make us allocate more than
 * the line that called hm_buf_init() says.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/err.h"

struct hm_slice {
	const uint8_t *ptr;
	size_t len;
};

static inline struct hm_slice hm_slice(const void *ptr, size_t len)
{
	return (struct hm_slice){.ptr = ptr, .len = len};
}

static inline struct hm_slice hm_slice_str(const char *s)
{
	return hm_slice(s, s ? strlen(s) : 0);
}

static inline bool hm_slice_eq(struct hm_slice a, struct hm_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool hm_slice_eq_str(struct hm_slice a, const char *s)
{
	return hm_slice_eq(a, hm_slice_str(s));
}

/* Byte order (memcmp, then shorter first): git's and ours for names. */
int hm_slice_cmp(struct hm_slice a, struct hm_slice b);

/* True when the bytes are valid UTF-8 without NUL and without C0/C1 controls. */
bool hm_slice_is_text(struct hm_slice s);
/* True when the bytes are valid UTF-8 (controls allowed). */
bool hm_slice_is_utf8(struct hm_slice s);

struct hm_buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max;
	bool secret;	/* wiped before it is freed or moved */
};

/* No allocation. max is in bytes and mandatory (> 0). */
void hm_buf_init(struct hm_buf *b, size_t max);
void hm_buf_init_secret(struct hm_buf *b, size_t max);
/* Frees the contents; the buffer is then as after hm_buf_init(). */
void hm_buf_release(struct hm_buf *b);
#define AUTO_BUF HM_CLEANUP(hm_buf_release)

static inline struct hm_slice hm_buf_slice(const struct hm_buf *b)
{
	return hm_slice(b->data, b->len);
}

int hm_buf_add(struct hm_buf *b, const void *ptr, size_t len,
	       struct hm_err *err) HM_MUST_CHECK;
int hm_buf_add_slice(struct hm_buf *b, struct hm_slice s,
		     struct hm_err *err) HM_MUST_CHECK;
int hm_buf_add_str(struct hm_buf *b, const char *s,
		   struct hm_err *err) HM_MUST_CHECK;
int hm_buf_addf(struct hm_buf *b, struct hm_err *err, const char *fmt, ...)
	HM_PRINTF(3, 4) HM_MUST_CHECK;
/* Makes room for n more bytes and returns where they go; then hm_buf_grown(). */
int hm_buf_reserve(struct hm_buf *b, size_t n, uint8_t **ret_ptr,
		   struct hm_err *err) HM_MUST_CHECK;
/* Declares n bytes of the reserved room used. */
void hm_buf_grown(struct hm_buf *b, size_t n);
/* Drops the first n bytes (n <= len). */
void hm_buf_consume(struct hm_buf *b, size_t n);
/* Appends a NUL that len does not count, and returns the text. */
int hm_buf_cstr(struct hm_buf *b, const char **ret_s,
		struct hm_err *err) HM_MUST_CHECK;
/* Hands the allocation over (free() it); the buffer is empty afterwards. */
uint8_t *hm_buf_take(struct hm_buf *b, size_t *ret_len);

/* malloc'ed NUL-terminated copy; NULL when out of memory or s holds a NUL. */
char *hm_slice_dup(struct hm_slice s);
