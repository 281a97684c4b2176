/*
 * PEM (RFC 7468), one block, strict: the label must be the expected one, lines
 * are base64 and end in LF or CRLF, nothing but blanks stands around the block.
 * So a file with two certificates, or an encrypted key, is refused by name.
 */
#pragma once

#include "lib/buf.h"

int hm_pem_decode(struct hm_slice pem, const char *label, struct hm_buf *der,
		  struct hm_err *err) HM_MUST_CHECK;
int hm_pem_encode(struct hm_buf *pem, const char *label, struct hm_slice der,
		  struct hm_err *err) HM_MUST_CHECK;
