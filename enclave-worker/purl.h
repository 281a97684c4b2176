/*
 * Package URLs (purl) of downloads, derived from where package managers fetch:
 * crates, npm, PyPI, Go, Maven, Debian. Pure, and never a guess: what does not
 * have exactly the form of such a URL has no purl.
 */
#pragma once

#include "lib/buf.h"

/*
 * Appends the purl of url ("https://host/path?query") to b, or nothing.
 * Registries other than a type's own are named by ?repository_url=.
 */
int hm_purl_add(struct hm_slice url, struct hm_buf *b,
		struct hm_err *err) HM_MUST_CHECK;
