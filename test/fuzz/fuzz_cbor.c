/*
 * The CBOR reader on anything at all. First byte: strict or not. Properties:
 * skipping an item and walking it item by item take the same bytes, and what the
 * strict reader takes, the writer writes again byte for byte.
 */
#include "lib/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The re-encoding of one item's head and bytes. */
static int write_item(struct hm_buf *b, const struct hm_cbor_item *item,
		      struct hm_err *err)
{
	switch (item->type) {
	case HM_CBOR_UINT:
		return hm_cbor_put_uint(b, item->value, err);
	case HM_CBOR_NEGINT:
		return hm_cbor_put_negint(b, item->value, err);
	case HM_CBOR_BYTES:
		return hm_cbor_put_bytes(b, item->bytes, err);
	case HM_CBOR_TEXT:
		return hm_cbor_put_text(b, item->bytes, err);
	case HM_CBOR_ARRAY:
		return hm_cbor_put_array(b, (size_t)item->value, err);
	case HM_CBOR_MAP:
		return hm_cbor_put_map(b, (size_t)item->value, err);
	case HM_CBOR_TAG:
		return hm_cbor_put_tag(b, item->value, err);
	case HM_CBOR_BOOL:
		return hm_cbor_put_bool(b, item->value == 1, err);
	case HM_CBOR_NULL:
		return hm_cbor_put_null(b, err);
	case HM_CBOR_BREAK:
		return hm_cbor_put_break(b, err);
	}
	return HM_E_BUG;
}

static void check_strict(struct hm_slice whole)
{
	struct hm_cbor_reader r = hm_cbor_reader(whole, true);
	struct hm_cbor_item item;
	AUTO_BUF struct hm_buf again;
	struct hm_err err;

	hm_buf_init(&again, whole.len + 1);
	while (r.rest.len > 0) {
		HM_BUG_ON(hm_cbor_next(&r, &item, &err) != HM_OK);
		HM_BUG_ON(write_item(&again, &item, &err) != HM_OK);
	}
	HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again), whole));
}

/* Walks the items of a lenient input the way a parser does. */
static void check_walk(struct hm_slice whole)
{
	struct hm_cbor_reader r = hm_cbor_reader(whole, false);
	struct hm_cbor_reader head = r;
	struct hm_cbor_scope scope;
	struct hm_cbor_item item;
	struct hm_err err;
	bool more = true;

	HM_BUG_ON(hm_cbor_next(&head, &item, &err) != HM_OK);
	if (item.type != HM_CBOR_ARRAY && item.type != HM_CBOR_MAP)
		return;
	HM_BUG_ON(hm_cbor_enter(&r, item.type, "item", &scope, &err) != HM_OK);
	for (;;) {
		HM_BUG_ON(hm_cbor_more(&r, &scope, &more, &err) != HM_OK);
		if (!more)
			break;
		HM_BUG_ON(hm_cbor_skip(&r, &err) != HM_OK);
		if (scope.is_map)
			HM_BUG_ON(hm_cbor_skip(&r, &err) != HM_OK);
	}
	HM_BUG_ON(r.rest.len != 0 || r.depth != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hm_cbor_reader r;
	struct hm_slice whole;
	struct hm_err err;

	if (size == 0)
		return 0;
	whole = hm_slice(data + 1, size - 1);
	r = hm_cbor_reader(whole, data[0] & 1U);
	if (hm_cbor_skip(&r, &err) != HM_OK) {
		HM_BUG_ON(err.code != HM_E_FORMAT);
		return 0;
	}
	whole.len -= r.rest.len;
	if (r.strict)
		check_strict(whole);
	check_walk(whole);
	return 0;
}
