/* Hex and base64 (RFC 4648), strict both ways, for bytes that get compared. */
#pragma once

#include "lib/buf.h"

/* out needs 2*len+1 bytes; lower case, NUL terminated. */
void hm_hex(const void *data, size_t len, char *out);
/* Exactly 2*len lower-case digits. False otherwise. */
bool hm_unhex(struct hm_slice text, uint8_t *out, size_t len);
int hm_base64_add(struct hm_buf *b, struct hm_slice data,
		  struct hm_err *err) HM_MUST_CHECK;
/* Standard alphabet with padding, nothing else (no blanks, no newlines). */
int hm_base64_decode(struct hm_buf *b, struct hm_slice text,
		     struct hm_err *err) HM_MUST_CHECK;
/* As above, and the URL-safe alphabet too (DSSE readers must accept both). */
int hm_base64_decode_any(struct hm_buf *b, struct hm_slice text,
			 struct hm_err *err) HM_MUST_CHECK;
