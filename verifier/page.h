/*
 * Writing HTML without a way to forget escaping: markup goes through page_put(),
 * which takes our own literals, everything else through page_text(). The first
 * failure sticks.
 */
#pragma once

#include "verifier/view.h"

struct hm_page {
	struct hm_buf *b;
	struct hm_err *err;
	int rc;
};

void hm_page_put(struct hm_page *p, const char *markup);
/* Numbers into our own markup; never a string from outside. */
void hm_page_putf(struct hm_page *p, const char *fmt, ...) HM_PRINTF(2, 3);
/* Any bytes, as text: escaped for element content and quoted attributes. */
void hm_page_text(struct hm_page *p, const char *text);
/* At most max characters of it, with an ellipsis when cut. */
void hm_page_clip(struct hm_page *p, const char *text, size_t max);
void hm_page_hex(struct hm_page *p, const void *data, size_t len);

/* The drawing of the chain from commit to file. */
void hm_page_picture(struct hm_page *p, const struct hm_view *r);
