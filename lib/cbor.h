/*
 * CBOR (RFC 8949), item by item, on libcbor's stream decoder and encoders: the
 * only file that knows libcbor. Nothing is allocated while decoding and no
 * length is believed before the bytes are there (cbor_load, which does both, is
 * not used: see its 1 GiB for a 9-byte input).
 *
 * A decoder is a cursor over a slice. Strict mode is RFC 8949 section 4.2.1
 * deterministic encoding: definite lengths, shortest heads. Lenient mode also
 * takes indefinite maps and arrays and longer heads, which AWS documents have.
 * In both modes: no floats, no tags except where the caller asks, no
 * indefinite strings, text is UTF-8, depth at most HM_CBOR_DEPTH.
 */
#pragma once

#include "lib/buf.h"

#define HM_CBOR_DEPTH 8

enum hm_cbor_type {
	HM_CBOR_UINT,
	HM_CBOR_NEGINT,	/* value n means -1-n */
	HM_CBOR_BYTES,
	HM_CBOR_TEXT,
	HM_CBOR_ARRAY,
	HM_CBOR_MAP,
	HM_CBOR_TAG,
	HM_CBOR_BOOL,
	HM_CBOR_NULL,
	HM_CBOR_BREAK,	/* end of an indefinite container */
};

struct hm_cbor_item {
	enum hm_cbor_type type;
	uint64_t value;		/* integer, tag, bool, or number of members */
	bool indefinite;	/* containers only; value is then 0 */
	struct hm_slice bytes;	/* BYTES and TEXT: points into the input */
};

struct hm_cbor_reader {
	struct hm_slice rest;
	bool strict;
	unsigned int depth;
};

struct hm_cbor_reader hm_cbor_reader(struct hm_slice input, bool strict);
/* The next item's head (and bytes). HM_E_FORMAT at the end of the input. */
int hm_cbor_next(struct hm_cbor_reader *r, struct hm_cbor_item *ret_item,
		 struct hm_err *err) HM_MUST_CHECK;
/* As hm_cbor_next, and the type must be this one. `what` names it in errors. */
int hm_cbor_expect(struct hm_cbor_reader *r, enum hm_cbor_type type,
		   const char *what, struct hm_cbor_item *ret_item,
		   struct hm_err *err) HM_MUST_CHECK;

/*
 * Walking a container: enter, then hm_cbor_more() before each element or key
 * until it says false. A definite one counts down, an indefinite one ends at
 * its break.
 */
struct hm_cbor_scope {
	uint64_t left;
	bool indefinite;
	bool is_map;
};
int hm_cbor_enter(struct hm_cbor_reader *r, enum hm_cbor_type array_or_map,
		  const char *what, struct hm_cbor_scope *ret_scope,
		  struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_more(struct hm_cbor_reader *r, struct hm_cbor_scope *scope,
		 bool *ret_more, struct hm_err *err) HM_MUST_CHECK;
/* Skips one whole item of any type (depth-capped, no recursion). */
int hm_cbor_skip(struct hm_cbor_reader *r, struct hm_err *err) HM_MUST_CHECK;
/* HM_E_FORMAT when input is left over. */
int hm_cbor_done(const struct hm_cbor_reader *r, const char *what,
		 struct hm_err *err) HM_MUST_CHECK;

/* Encoding: shortest heads, definite lengths. The caller sorts its map keys. */
int hm_cbor_put_uint(struct hm_buf *b, uint64_t v, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_negint(struct hm_buf *b, uint64_t n, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_bytes(struct hm_buf *b, struct hm_slice s, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_text(struct hm_buf *b, struct hm_slice s, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_str(struct hm_buf *b, const char *s, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_array(struct hm_buf *b, size_t count, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_map(struct hm_buf *b, size_t pairs, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_bool(struct hm_buf *b, bool v, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_null(struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
/*
 * For the two places that need more: COSE's optional tag, and a map of
 * indefinite length up to its break, as AWS writes its documents.
 */
int hm_cbor_put_tag(struct hm_buf *b, uint64_t tag, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_open_map(struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
int hm_cbor_put_break(struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
