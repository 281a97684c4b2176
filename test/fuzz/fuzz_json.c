/*
 * The JSON adapter on anything at all. Properties: what is read and holds no
 * fraction is written; what was written is read again and written the same;
 * looking for a key ends.
 */
#include "lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX (1U << 20)

static void write_again(const struct hm_json *v, enum hm_json_style style)
{
	AUTO_JSON struct hm_json *again = NULL;
	AUTO_BUF struct hm_buf once, twice;
	struct hm_err err;

	/* a control character takes one byte there and six here */
	hm_buf_init(&once, 8 * TEXT_MAX);
	hm_buf_init(&twice, 8 * TEXT_MAX);
	if (hm_json_write(v, style, &once, &err) != HM_OK) {
		HM_BUG_ON(err.code != HM_E_FORMAT);
		return;
	}
	HM_BUG_ON(hm_json_parse(hm_buf_slice(&once), 8 * TEXT_MAX, &again,
				&err) != HM_OK);
	HM_BUG_ON(hm_json_write(again, style, &twice, &err) != HM_OK);
	HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&once), hm_buf_slice(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON struct hm_json *v = NULL;
	struct hm_slice text = hm_slice(data, size);
	struct hm_err err;
	int rc = hm_json_parse(text, TEXT_MAX, &v, &err);

	(void)hm_json_locate(text, "a.0.b");
	if (rc == HM_OK) {
		write_again(v, HM_JSON_COMPACT);
		write_again(v, HM_JSON_CANONICAL);
		write_again(v, HM_JSON_PRETTY);
	} else if (rc == HM_E_FORMAT) {
		HM_BUG_ON(hm_json_error_line(&err) == 0);
		HM_BUG_ON(!hm_slice_is_text(hm_slice_str(err.msg)));
	}
	return 0;
}
