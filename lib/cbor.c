/*
 * CBOR through libcbor's stream decoder, one item at a time. What it distrusts:
 * everything. libcbor itself takes trailing bytes, duplicate keys, long heads,
 * nesting to 2048, and its tree builder allocates what a header promises; so
 * here nothing is allocated, a container may not promise more members than
 * bytes are left, and depth is capped. Keys are the caller's business: only it
 * knows which ones may stand in which map.
 */
#include "lib/cbor.h"

#include <cbor.h>

#include "lib/num.h"

/* One initial byte and at most eight bytes of argument. */
#define HEAD_MAX 9

static const char *const type_names[] = {
	[HM_CBOR_UINT] = "an unsigned integer",
	[HM_CBOR_NEGINT] = "a negative integer",
	[HM_CBOR_BYTES] = "a byte string",
	[HM_CBOR_TEXT] = "a text string",
	[HM_CBOR_ARRAY] = "an array",
	[HM_CBOR_MAP] = "a map",
	[HM_CBOR_TAG] = "a tag",
	[HM_CBOR_BOOL] = "a boolean",
	[HM_CBOR_NULL] = "null",
	[HM_CBOR_BREAK] = "a break",
};

/* What the callbacks below make of one item. */
struct decoded {
	struct hm_cbor_item item;
	const char *refused;	/* a type that we never take */
};

static void set(void *ctx, enum hm_cbor_type type, uint64_t value)
{
	struct decoded *d = ctx;

	d->item = (struct hm_cbor_item){.type = type, .value = value};
}

static void set_string(void *ctx, enum hm_cbor_type type, cbor_data ptr,
		       size_t len)
{
	struct decoded *d = ctx;

	d->item = (struct hm_cbor_item){
		.type = type, .value = len, .bytes = hm_slice(ptr, len)};
}

static void set_indefinite(void *ctx, enum hm_cbor_type type)
{
	struct decoded *d = ctx;

	d->item = (struct hm_cbor_item){.type = type, .indefinite = true};
}

static void refuse(void *ctx, const char *what)
{
	struct decoded *d = ctx;

	d->refused = what;
}

static void on_uint8(void *ctx, uint8_t v) { set(ctx, HM_CBOR_UINT, v); }
static void on_uint16(void *ctx, uint16_t v) { set(ctx, HM_CBOR_UINT, v); }
static void on_uint32(void *ctx, uint32_t v) { set(ctx, HM_CBOR_UINT, v); }
static void on_uint64(void *ctx, uint64_t v) { set(ctx, HM_CBOR_UINT, v); }
static void on_neg8(void *ctx, uint8_t v) { set(ctx, HM_CBOR_NEGINT, v); }
static void on_neg16(void *ctx, uint16_t v) { set(ctx, HM_CBOR_NEGINT, v); }
static void on_neg32(void *ctx, uint32_t v) { set(ctx, HM_CBOR_NEGINT, v); }
static void on_neg64(void *ctx, uint64_t v) { set(ctx, HM_CBOR_NEGINT, v); }
static void on_tag(void *ctx, uint64_t v) { set(ctx, HM_CBOR_TAG, v); }
static void on_bool(void *ctx, bool v) { set(ctx, HM_CBOR_BOOL, v); }
static void on_null(void *ctx) { set(ctx, HM_CBOR_NULL, 0); }
static void on_break(void *ctx) { set(ctx, HM_CBOR_BREAK, 0); }
static void on_array(void *ctx, size_t n) { set(ctx, HM_CBOR_ARRAY, n); }
static void on_map(void *ctx, size_t n) { set(ctx, HM_CBOR_MAP, n); }

static void on_indef_array(void *ctx) { set_indefinite(ctx, HM_CBOR_ARRAY); }
static void on_indef_map(void *ctx) { set_indefinite(ctx, HM_CBOR_MAP); }

static void on_bytes(void *ctx, cbor_data p, size_t n)
{
	set_string(ctx, HM_CBOR_BYTES, p, n);
}

static void on_text(void *ctx, cbor_data p, size_t n)
{
	set_string(ctx, HM_CBOR_TEXT, p, n);
}

static void on_chunked(void *ctx)
{
	refuse(ctx, "a string of indefinite length");
}

static void on_undefined(void *ctx) { refuse(ctx, "'undefined'"); }

static void on_float(void *ctx, float v)
{
	(void)v;
	refuse(ctx, "a floating-point number");
}

static void on_double(void *ctx, double v)
{
	(void)v;
	refuse(ctx, "a floating-point number");
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint64 = on_neg64,
	.negint32 = on_neg32,
	.negint16 = on_neg16,
	.negint8 = on_neg8,
	.byte_string_start = on_chunked,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_chunked,
	.indef_array_start = on_indef_array,
	.array_start = on_array,
	.indef_map_start = on_indef_map,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_undefined,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_break,
};

static size_t shortest_head(uint64_t value)
{
	if (value < 24)
		return 1;
	if (value <= UINT8_MAX)
		return 2;
	if (value <= UINT16_MAX)
		return 3;
	return value <= UINT32_MAX ? 5 : HEAD_MAX;
}

struct hm_cbor_reader hm_cbor_reader(struct hm_slice input, bool strict)
{
	return (struct hm_cbor_reader){.rest = input, .strict = strict};
}

/* RFC 8949 4.2.1: what a deterministic encoder would never have written. */
static int check_strict(const struct hm_cbor_item *item, size_t head_len,
			struct hm_err *err)
{
	if (item->indefinite || item->type == HM_CBOR_BREAK)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "CBOR: indefinite length is not allowed here");
	if (item->type == HM_CBOR_BOOL || item->type == HM_CBOR_NULL)
		return HM_OK;
	if (head_len != shortest_head(item->value))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "CBOR: a number is not in its shortest form");
	return HM_OK;
}

/*
 * A member takes at least one byte, so a head that promises more members than
 * bytes are left lies; callers may then size things by the count.
 */
static int check_count(const struct hm_cbor_item *item, size_t left,
		       struct hm_err *err)
{
	size_t most = item->type == HM_CBOR_MAP ? left / 2 : left;

	if (item->type != HM_CBOR_ARRAY && item->type != HM_CBOR_MAP)
		return HM_OK;
	if (item->value > most)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "CBOR: %s of more members than bytes are left",
			       type_names[item->type]);
	return HM_OK;
}

/* libcbor 0.8 calls short tags that had no meaning in 2013 malformed; 18 is one. */
static struct cbor_decoder_result decode(struct hm_slice in, struct decoded *d)
{
	if (in.ptr[0] < 0xc0 || in.ptr[0] > 0xd7)
		return cbor_stream_decode(in.ptr, in.len, &callbacks, d);
	on_tag(d, in.ptr[0] & 0x1fU);
	return (struct cbor_decoder_result){.read = 1,
					    .status = CBOR_DECODER_FINISHED};
}

int hm_cbor_next(struct hm_cbor_reader *r, struct hm_cbor_item *ret_item,
		 struct hm_err *err)
{
	struct decoded d = {.item = {.type = HM_CBOR_NULL}};
	struct cbor_decoder_result res;
	size_t head_len;
	int rc;

	if (r->rest.len == 0)
		return hm_fail(err, HM_E_FORMAT, 0, "CBOR: the input ends early");
	res = decode(r->rest, &d);
	if (res.status == CBOR_DECODER_NEDATA)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "CBOR: an item is cut short");
	if (res.status != CBOR_DECODER_FINISHED || res.read == 0 ||
	    res.read > r->rest.len)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "CBOR: byte 0x%02x starts no item",
			       r->rest.ptr[0]);
	if (d.refused)
		return hm_fail(err, HM_E_FORMAT, 0, "CBOR: %s is not allowed",
			       d.refused);
	head_len = res.read - d.item.bytes.len;
	if (r->strict) {
		rc = check_strict(&d.item, head_len, err);
		if (rc != HM_OK)
			return rc;
	}
	rc = check_count(&d.item, r->rest.len - res.read, err);
	if (rc != HM_OK)
		return rc;
	if (d.item.type == HM_CBOR_TEXT && !hm_slice_is_utf8(d.item.bytes))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "CBOR: a text string is not UTF-8");

	r->rest = hm_slice(r->rest.ptr + res.read, r->rest.len - res.read);
	*ret_item = d.item;
	return HM_OK;
}

int hm_cbor_expect(struct hm_cbor_reader *r, enum hm_cbor_type type,
		   const char *what, struct hm_cbor_item *ret_item,
		   struct hm_err *err)
{
	struct hm_cbor_item item;

	if (hm_cbor_next(r, &item, err) != HM_OK)
		return hm_err_prefix(err, "%s", what);
	if (item.type != type)
		return hm_fail(err, HM_E_FORMAT, 0, "%s: %s where %s belongs",
			       what, type_names[item.type], type_names[type]);
	*ret_item = item;
	return HM_OK;
}

int hm_cbor_enter(struct hm_cbor_reader *r, enum hm_cbor_type array_or_map,
		  const char *what, struct hm_cbor_scope *ret_scope,
		  struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc;

	HM_BUG_ON(array_or_map != HM_CBOR_ARRAY && array_or_map != HM_CBOR_MAP);
	rc = hm_cbor_expect(r, array_or_map, what, &item, err);
	if (rc != HM_OK)
		return rc;
	if (r->depth >= HM_CBOR_DEPTH)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s: CBOR: nested deeper than %d", what,
			       HM_CBOR_DEPTH);
	r->depth++;
	*ret_scope = (struct hm_cbor_scope){
		.left = item.value,
		.indefinite = item.indefinite,
		.is_map = array_or_map == HM_CBOR_MAP,
	};
	return HM_OK;
}

int hm_cbor_more(struct hm_cbor_reader *r, struct hm_cbor_scope *scope,
		 bool *ret_more, struct hm_err *err)
{
	bool more;

	if (scope->indefinite) {
		if (r->rest.len == 0)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "CBOR: the input ends early");
		more = r->rest.ptr[0] != 0xff;
		if (!more)
			r->rest = hm_slice(r->rest.ptr + 1, r->rest.len - 1);
	} else {
		more = scope->left > 0;
		if (more)
			scope->left--;
	}
	if (!more) {
		HM_BUG_ON(r->depth == 0);
		r->depth--;
	}
	*ret_more = more;
	return HM_OK;
}

/* An open container while skipping. Items left: pairs count twice. */
struct open_container {
	uint64_t left;
	bool indefinite;
	bool is_map;
	bool odd;	/* inside an indefinite map: a key waits for its value */
};

/* Counts one member of c: an item, or half of a pair. */
static void count_item(struct open_container *c)
{
	if (c->indefinite)
		c->odd = c->is_map && !c->odd;
	else
		c->left--;
}

int hm_cbor_skip(struct hm_cbor_reader *r, struct hm_err *err)
{
	struct open_container stack[HM_CBOR_DEPTH];
	unsigned int depth = 0;

	do {
		struct open_container *top = depth ? &stack[depth - 1] : NULL;
		struct hm_cbor_item item;
		int rc = hm_cbor_next(r, &item, err);

		if (rc != HM_OK)
			return rc;
		if (item.type == HM_CBOR_TAG)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "CBOR: a tag is not allowed here");
		if (item.type == HM_CBOR_BREAK) {
			if (!top || !top->indefinite || top->odd)
				return hm_fail(err, HM_E_FORMAT, 0,
					       "CBOR: a break out of place");
			depth--;
		} else {
			if (top)
				count_item(top);
			if (item.type == HM_CBOR_ARRAY ||
			    item.type == HM_CBOR_MAP) {
				if (r->depth + depth >= HM_CBOR_DEPTH)
					return hm_fail(
						err, HM_E_FORMAT, 0,
						"CBOR: nested deeper than %d",
						HM_CBOR_DEPTH);
				stack[depth++] = (struct open_container){
					.left = item.type == HM_CBOR_MAP ?
							item.value * 2 :
							item.value,
					.indefinite = item.indefinite,
					.is_map = item.type == HM_CBOR_MAP,
				};
			}
		}
		while (depth > 0 && !stack[depth - 1].indefinite &&
		       stack[depth - 1].left == 0)
			depth--;
	} while (depth > 0);
	return HM_OK;
}

int hm_cbor_done(const struct hm_cbor_reader *r, const char *what,
		 struct hm_err *err)
{
	if (r->rest.len != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s: %zu bytes follow its end", what,
			       r->rest.len);
	return HM_OK;
}

int hm_cbor_put_uint(struct hm_buf *b, uint64_t v, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(b, head, cbor_encode_uint(v, head, sizeof(head)), err);
}

int hm_cbor_put_negint(struct hm_buf *b, uint64_t n, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(b, head, cbor_encode_negint(n, head, sizeof(head)),
			  err);
}

int hm_cbor_put_bytes(struct hm_buf *b, struct hm_slice s, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];
	size_t n = cbor_encode_bytestring_start(s.len, head, sizeof(head));
	int rc = hm_buf_add(b, head, n, err);

	return rc != HM_OK ? rc : hm_buf_add_slice(b, s, err);
}

int hm_cbor_put_text(struct hm_buf *b, struct hm_slice s, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];
	size_t n = cbor_encode_string_start(s.len, head, sizeof(head));
	int rc;

	if (!hm_slice_is_utf8(s))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "CBOR: a text string is not UTF-8");
	rc = hm_buf_add(b, head, n, err);
	return rc != HM_OK ? rc : hm_buf_add_slice(b, s, err);
}

int hm_cbor_put_str(struct hm_buf *b, const char *s, struct hm_err *err)
{
	return hm_cbor_put_text(b, hm_slice_str(s), err);
}

int hm_cbor_put_array(struct hm_buf *b, size_t count, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(
		b, head, cbor_encode_array_start(count, head, sizeof(head)), err);
}

int hm_cbor_put_map(struct hm_buf *b, size_t pairs, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(b, head,
			  cbor_encode_map_start(pairs, head, sizeof(head)), err);
}

int hm_cbor_put_bool(struct hm_buf *b, bool v, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(b, head, cbor_encode_bool(v, head, sizeof(head)), err);
}

int hm_cbor_put_null(struct hm_buf *b, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(b, head, cbor_encode_null(head, sizeof(head)), err);
}

int hm_cbor_put_tag(struct hm_buf *b, uint64_t tag, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(b, head, cbor_encode_tag(tag, head, sizeof(head)),
			  err);
}

int hm_cbor_put_open_map(struct hm_buf *b, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];
	size_t n = cbor_encode_indef_map_start(head, sizeof(head));

	return hm_buf_add(b, head, n, err);
}

int hm_cbor_put_break(struct hm_buf *b, struct hm_err *err)
{
	uint8_t head[HEAD_MAX];

	return hm_buf_add(b, head, cbor_encode_break(head, sizeof(head)), err);
}
