/*
 * PEM without OpenSSL's reader, which skips any text around a block, takes the
 * first of several, asks a terminal for a passphrase and knows eight labels for
 * a key. A trust root must be exactly the file that its owner looked at.
 */
#include "lib/pem.h"

#include "lib/hex.h"

/* RFC 7468: 64 characters a line, so 48 bytes. */
#define BYTES_PER_LINE 48

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct hm_slice trim(struct hm_slice s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* Cuts the next line off *s, without its line end. */
static struct hm_slice take_line(struct hm_slice *s)
{
	const uint8_t *nl = s->len ? memchr(s->ptr, '\n', s->len) : NULL;
	struct hm_slice line = *s;

	if (nl)
		line.len = (size_t)(nl - s->ptr);
	*s = hm_slice(s->ptr + line.len + (nl ? 1 : 0),
		      s->len - line.len - (nl ? 1 : 0));
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool is_fence(struct hm_slice line, const char *word, const char *label)
{
	char want[64];
	int n = snprintf(want, sizeof(want), "-----%s %s-----", word, label);

	HM_BUG_ON(n < 0 || (size_t)n >= sizeof(want));
	return hm_slice_eq_str(line, want);
}

int hm_pem_decode(struct hm_slice pem, const char *label, struct hm_buf *der,
		  struct hm_err *err)
{
	struct hm_slice rest = trim(pem);
	AUTO_BUF struct hm_buf text;
	int rc;

	hm_buf_init_secret(&text, rest.len + 1);
	if (!is_fence(take_line(&rest), "BEGIN", label))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "PEM: the first line is not '-----BEGIN %s-----'",
			       label);
	for (;;) {
		struct hm_slice line = take_line(&rest);

		if (is_fence(line, "END", label))
			break;
		if (line.len == 0)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "PEM: no '-----END %s-----' where it belongs",
				       label);
		rc = hm_buf_add_slice(&text, line, err);
		if (rc != HM_OK)
			return rc;
	}
	if (rest.len != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "PEM: more than one %s, or text after it", label);
	if (text.len == 0)
		return hm_fail(err, HM_E_FORMAT, 0, "PEM: an empty %s", label);
	rc = hm_base64_decode(der, hm_buf_slice(&text), err);
	return rc != HM_OK ? hm_err_prefix(err, "PEM") : HM_OK;
}

int hm_pem_encode(struct hm_buf *pem, const char *label, struct hm_slice der,
		  struct hm_err *err)
{
	int rc = hm_buf_addf(pem, err, "-----BEGIN %s-----\n", label);

	while (rc == HM_OK && der.len > 0) {
		size_t n = der.len < BYTES_PER_LINE ? der.len : BYTES_PER_LINE;

		rc = hm_base64_add(pem, hm_slice(der.ptr, n), err);
		if (rc == HM_OK)
			rc = hm_buf_add_str(pem, "\n", err);
		der.ptr += n;
		der.len -= n;
	}
	if (rc == HM_OK)
		rc = hm_buf_addf(pem, err, "-----END %s-----\n", label);
	return rc;
}
