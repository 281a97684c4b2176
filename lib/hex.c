/* Hex and base64, strict: one spelling for one value, so that bytes compare. */
#include "lib/hex.h"

#include "lib/num.h"

void hm_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15U];
	}
	out[2 * len] = 0;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hm_unhex(struct hm_slice text, uint8_t *out, size_t len)
{
	if (text.len / 2 != len || text.len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(text.ptr[2 * i]);
		int lo = hex_digit(text.ptr[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi * 16 + lo);
	}
	return true;
}

int hm_base64_add(struct hm_buf *b, struct hm_slice data, struct hm_err *err)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t groups = data.len / 3 + (data.len % 3 != 0);
	size_t size;
	uint8_t *out;
	int rc;

	if (!hm_size_mul(groups, 4, &size))
		return hm_fail(err, HM_E_TOO_LARGE, 0, "base64: too long");
	rc = hm_buf_reserve(b, size, &out, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < data.len; i += 3) {
		size_t n = data.len - i < 3 ? data.len - i : 3;
		uint32_t v = (uint32_t)data.ptr[i] << 16;

		if (n > 1)
			v |= (uint32_t)data.ptr[i + 1] << 8;
		if (n > 2)
			v |= data.ptr[i + 2];
		*out++ = (uint8_t)abc[v >> 18];
		*out++ = (uint8_t)abc[(v >> 12) & 63U];
		*out++ = n > 1 ? (uint8_t)abc[(v >> 6) & 63U] : '=';
		*out++ = n > 2 ? (uint8_t)abc[v & 63U] : '=';
	}
	hm_buf_grown(b, size);
	return HM_OK;
}

static int base64_digit(uint8_t c, bool url_too)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || (url_too && c == '-'))
		return 62;
	if (c == '/' || (url_too && c == '_'))
		return 63;
	return -1;
}

/* One group of four; returns bytes decoded (1..3) or 0 when malformed. */
static size_t base64_group(const uint8_t *in, bool url_too, uint8_t out[3])
{
	size_t pad = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int d = i >= 4 - pad ? 0 : base64_digit(in[i], url_too);

		if (d < 0)
			return 0;
		v = (v << 6) | (uint32_t)d;
	}
	/* Bits that the padding drops must be zero: one spelling per value. */
	if ((pad == 1 && (v & 0xffU) != 0) || (pad == 2 && (v & 0xffffU) != 0))
		return 0;
	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
	return 3 - pad;
}

static int base64_decode(struct hm_buf *b, struct hm_slice text, bool url_too,
			 struct hm_err *err)
{
	size_t start = b->len;
	uint8_t *out;
	int rc;

	if (text.len % 4 != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "base64: length %zu is not a multiple of 4",
			       text.len);
	if (text.len == 0)
		return HM_OK;
	/* Reserve what the padding leaves, so a tight cap still fits. */
	rc = hm_buf_reserve(b, text.len / 4 * 3 -
			    (text.ptr[text.len - 1] == '=') -
			    (text.ptr[text.len - 2] == '='), &out, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < text.len; i += 4) {
		uint8_t group[3];
		size_t n = base64_group(text.ptr + i, url_too, group);

		if (n == 0 || (n < 3 && i + 4 != text.len)) {
			b->len = start;
			return hm_fail(err, HM_E_FORMAT, 0,
				       "base64: malformed at offset %zu", i);
		}
		memcpy(b->data + b->len, group, n);
		b->len += n;
	}
	return HM_OK;
}

int hm_base64_decode(struct hm_buf *b, struct hm_slice text, struct hm_err *err)
{
	return base64_decode(b, text, false, err);
}

int hm_base64_decode_any(struct hm_buf *b, struct hm_slice text,
			 struct hm_err *err)
{
	return base64_decode(b, text, true, err);
}
