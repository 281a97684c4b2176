/*
 * Entries tiles and proof files as anything at all. Properties: entries put
 * together again are the tile's beginning; a proof file that was read is
 * written as the same text (but for the line that nobody signs).
 */
#include "lib/num.h"
#include "lib/tiles.h"
#include "lib/tlog_proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(struct hm_slice input)
{
	struct hm_slice rest = input, entry;
	AUTO_BUF struct hm_buf again;
	struct hm_err err;

	hm_buf_init(&again, input.len + 1);
	while (hm_tiles_next_entry(&rest, &entry, &err) == HM_OK) {
		uint8_t len[2];

		hm_put_u16be(len, (uint16_t)entry.len);
		HM_BUG_ON(hm_buf_add(&again, len, 2, NULL) != HM_OK);
		HM_BUG_ON(hm_buf_add_slice(&again, entry, NULL) != HM_OK);
	}
	HM_BUG_ON(again.len + rest.len != input.len);
	HM_BUG_ON(again.len > 0 && memcmp(again.data, input.ptr, again.len) != 0);
}

static void check_path(struct hm_slice input)
{
	char path[HM_TILE_PATH_MAX];
	uint64_t n = 0;

	for (size_t i = 0; i < 8 && i < input.len; i++)
		n = n << 8 | input.ptr[i];
	hm_tile_path(input.len > 8 ? input.ptr[8] : 0, n,
		     input.len > 9 ? input.ptr[9] : HM_TILE_WIDTH, path);
	HM_BUG_ON(strlen(path) >= sizeof(path));
	HM_BUG_ON(hm_tile_width(input.len > 8 ? input.ptr[8] % 8 : 0, n >> 8,
				n >> 1) > HM_TILE_WIDTH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hm_slice input = hm_slice(data, size);
	struct hm_tlog_proof proof;
	AUTO_BUF struct hm_buf again;
	struct hm_err err;

	check_entries(input);
	check_path(input);
	hm_buf_init(&again, 2 * HM_TLOG_PROOF_MAX);
	if (hm_tlog_proof_parse(input, &proof, &err) != HM_OK)
		return 0;
	HM_BUG_ON(hm_tlog_proof_write(&proof, &again, &err) != HM_OK);
	if (memmem(data, size, "\nextra ", 7) == NULL)
		HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again), input));
	return 0;
}
