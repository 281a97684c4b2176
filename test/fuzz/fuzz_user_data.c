/* user_data on anything at all. Property: what is accepted is written again. */
#include "lib/user_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct hm_buf again;
	struct hm_user_data u;
	struct hm_err err;

	hm_buf_init(&again, HM_USER_DATA_MAX);
	if (hm_user_data_parse(hm_slice(data, size), &u, &err) == HM_OK) {
		HM_BUG_ON(hm_user_data_write(&u, &again, &err) != HM_OK);
		HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again),
				       hm_slice(data, size)));
	}
	return 0;
}
