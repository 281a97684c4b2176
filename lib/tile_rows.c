/*
 * Rows of tiles at the growing edge of a log. Pure but for loading; what was
 * loaded is checked by its caller, who compares the root with a signed one.
 */
#include "lib/tile_rows.h"

int hm_tile_fold(const struct hm_hash *hashes, size_t count,
		 struct hm_hash *ret, struct hm_err *err)
{
	struct hm_hash row[HM_TILE_WIDTH];

	HM_BUG_ON(count == 0 || count > HM_TILE_WIDTH);
	memcpy(row, hashes, count * sizeof(row[0]));
	for (; count > 1; count /= 2) {
		for (size_t i = 0; i < count / 2; i++) {
			int rc = hm_merkle_node_hash(&row[2 * i],
						     &row[2 * i + 1], &row[i],
						     err);

			if (rc != HM_OK)
				return rc;
		}
	}
	*ret = row[0];
	return HM_OK;
}

static unsigned int tail_count(const struct hm_tile_rows *r, unsigned int level)
{
	return (unsigned int)((r->size >> (8 * level)) % HM_TILE_WIDTH);
}

int hm_tile_rows_load(struct hm_tile_rows *r, const struct hm_tiles *t,
		      struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, HM_TILE_BYTES);
	memset(r, 0, sizeof(*r));
	r->size = t->size;
	for (unsigned int level = 0; level < HM_TILE_LEVELS; level++) {
		uint64_t n = (t->size >> (8 * level)) / HM_TILE_WIDTH;
		int rc;

		if (tail_count(r, level) == 0)
			continue;
		rc = hm_tiles_read(t, level, n, &b, err);
		if (rc != HM_OK)
			return rc;
		memcpy(r->tail[level], b.data, b.len);
	}
	return HM_OK;
}

int hm_tile_rows_add(struct hm_tile_rows *r, const struct hm_hash *leaf,
		     hm_tile_fn fn, void *ctx, struct hm_err *err)
{
	struct hm_hash h = *leaf;
	uint64_t at = r->size;

	if (r->size >= HM_MERKLE_SIZE_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "log is full");
	for (unsigned int level = 0; level < HM_TILE_LEVELS; level++) {
		int rc;

		r->tail[level][at % HM_TILE_WIDTH] = h;
		if (at % HM_TILE_WIDTH != HM_TILE_WIDTH - 1)
			break;
		at /= HM_TILE_WIDTH;
		rc = fn(ctx, level, at, HM_TILE_WIDTH, r->tail[level], err);
		if (rc == HM_OK)
			rc = hm_tile_fold(r->tail[level], HM_TILE_WIDTH, &h,
					  err);
		if (rc != HM_OK)
			return rc;
	}
	r->size++;
	return HM_OK;
}

int hm_tile_rows_partial(const struct hm_tile_rows *r, uint64_t since,
			 hm_tile_fn fn, void *ctx, struct hm_err *err)
{
	for (unsigned int level = 0; level < HM_TILE_LEVELS; level++) {
		uint64_t row = r->size >> (8 * level);
		unsigned int width = tail_count(r, level);
		int rc;

		if (width == 0 || row == since >> (8 * level))
			continue;
		rc = fn(ctx, level, row / HM_TILE_WIDTH, width, r->tail[level],
			err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int tail_subtree(void *ctx, unsigned int level, uint64_t index,
			struct hm_hash *ret, struct hm_err *err)
{
	const struct hm_tile_rows *r = *(const struct hm_tile_rows *const *)ctx;
	size_t at = (size_t)((index << (level % 8)) % HM_TILE_WIDTH);

	/* A root is made of subtrees that stand in the tails. */
	return hm_tile_fold(r->tail[level / 8] + at, (size_t)1 << (level % 8),
			    ret, err);
}

int hm_tile_rows_root(const struct hm_tile_rows *r, struct hm_hash *ret,
		      struct hm_err *err)
{
	struct hm_merkle_source src = {tail_subtree, &r};

	return hm_merkle_root(&src, r->size, ret, err);
}
