/*
 * Capped buffers and slices. Sizes come from peers: the cap is checked before
 * the allocator is asked.
 */
#include "lib/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/num.h"

int hm_slice_cmp(struct hm_slice a, struct hm_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	if (c != 0)
		return c;
	return (a.len > b.len) - (a.len < b.len);
}

/*
 * Decodes one UTF-8 scalar at s; returns its length, 0 when invalid. Overlong
 * forms, surrogates and anything past U+10FFFF are invalid (RFC 3629).
 */
static size_t utf8_next(struct hm_slice s, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t c = s.ptr[0];
	size_t n;
	uint32_t v;

	if (c < 0x80) {
		*ret = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
		v = c & 0x1fU;
	} else if (c >= 0xe0 && c <= 0xef) {
		n = 3;
		v = c & 0x0fU;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		v = c & 0x07U;
	} else {
		return 0;
	}
	if (s.len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s.ptr[i] & 0xc0U) != 0x80)
			return 0;
		v = (v << 6) | (s.ptr[i] & 0x3fU);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*ret = v;
	return n;
}

static bool utf8_check(struct hm_slice s, bool allow_controls)
{
	while (s.len > 0) {
		uint32_t v;
		size_t n = utf8_next(s, &v);

		if (n == 0)
			return false;
		if (!allow_controls &&
		    (v < 0x20 || (v >= 0x7f && v < 0xa0) || v == 0x2028 ||
		     v == 0x2029))
			return false;
		s.ptr += n;
		s.len -= n;
	}
	return true;
}

bool hm_slice_is_text(struct hm_slice s)
{
	return utf8_check(s, false);
}

bool hm_slice_is_utf8(struct hm_slice s)
{
	return utf8_check(s, true);
}

void hm_buf_init(struct hm_buf *b, size_t max)
{
	HM_BUG_ON(max == 0);
	*b = (struct hm_buf){.max = max};
}

void hm_buf_init_secret(struct hm_buf *b, size_t max)
{
	hm_buf_init(b, max);
	b->secret = true;
}

static void buf_free(uint8_t *data, size_t cap, bool secret)
{
	int saved = errno;

	if (data && secret)
		explicit_bzero(data, cap);
	free(data);
	errno = saved;
}

void hm_buf_release(struct hm_buf *b)
{
	buf_free(b->data, b->cap, b->secret);
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
}

int hm_buf_reserve(struct hm_buf *b, size_t n, uint8_t **ret_ptr,
		   struct hm_err *err)
{
	size_t cap = b->cap < 256 ? 256 : b->cap;
	uint8_t *data;
	size_t need;

	if (!hm_size_add(b->len, n, &need) || need > b->max)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "more than %zu bytes, the limit here", b->max);
	if (need <= b->cap && b->data) {
		*ret_ptr = b->data + b->len;
		return HM_OK;
	}
	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap > b->max)
		cap = b->max;
	/* Not realloc: secrets must not stay behind in freed memory. */
	data = malloc(cap);
	if (!data)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory for %zu bytes",
			       cap);
	if (b->len > 0)
		memcpy(data, b->data, b->len);
	buf_free(b->data, b->cap, b->secret);
	b->data = data;
	b->cap = cap;
	*ret_ptr = b->data + b->len;
	return HM_OK;
}

void hm_buf_grown(struct hm_buf *b, size_t n)
{
	HM_BUG_ON(n > b->cap - b->len);
	b->len += n;
}

void hm_buf_consume(struct hm_buf *b, size_t n)
{
	HM_BUG_ON(n > b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

int hm_buf_add(struct hm_buf *b, const void *ptr, size_t len,
	       struct hm_err *err)
{
	uint8_t *at;
	int rc;

	if (len == 0)
		return HM_OK;
	rc = hm_buf_reserve(b, len, &at, err);
	if (rc < 0)
		return rc;
	memcpy(at, ptr, len);
	b->len += len;
	return HM_OK;
}

int hm_buf_add_slice(struct hm_buf *b, struct hm_slice s, struct hm_err *err)
{
	return hm_buf_add(b, s.ptr, s.len, err);
}

int hm_buf_add_str(struct hm_buf *b, const char *s, struct hm_err *err)
{
	return hm_buf_add(b, s, strlen(s), err);
}

int hm_buf_addf(struct hm_buf *b, struct hm_err *err, const char *fmt, ...)
{
	uint8_t *at;
	va_list ap;
	int n, rc;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return hm_fail(err, HM_E_BUG, 0, "bad format '%s'", fmt);
	/* vsnprintf wants room for its NUL, which is not kept. */
	rc = hm_buf_reserve(b, (size_t)n + 1, &at, err);
	if (rc < 0)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return HM_OK;
}

int hm_buf_cstr(struct hm_buf *b, const char **ret_s, struct hm_err *err)
{
	uint8_t *at;
	int rc = hm_buf_reserve(b, 1, &at, err);

	if (rc < 0)
		return rc;
	*at = 0;
	*ret_s = (const char *)b->data;
	return HM_OK;
}

uint8_t *hm_buf_take(struct hm_buf *b, size_t *ret_len)
{
	uint8_t *data = b->data;

	*ret_len = b->len;
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
	return data;
}

char *hm_slice_dup(struct hm_slice s)
{
	char *copy;

	if (s.len > 0 && memchr(s.ptr, 0, s.len))
		return NULL;
	copy = malloc(s.len + 1);
	if (!copy)
		return NULL;
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = 0;
	return copy;
}
