/*
 * The full audit of a tiled log: everything that can be computed from the
 * entries is computed and compared with what lies there. Memory is flat: one
 * entries tile and the edge of the tree.
 */
#include <stdlib.h>

#include "lib/tile_rows.h"

struct audit {
	const struct hm_tiles *tiles;
	struct hm_buf found;	/* the tile as it lies there */
};

static int compare_tile(void *ctx, unsigned int level, uint64_t n,
			unsigned int width, const struct hm_hash *hashes,
			struct hm_err *err)
{
	struct audit *a = ctx;
	char path[HM_TILE_PATH_MAX];
	int rc = hm_tiles_read(a->tiles, level, n, &a->found, err);

	if (rc != HM_OK)
		return rc;
	hm_tile_path(level, n, width, path);
	if (a->found.len != width * sizeof(*hashes) ||
	    memcmp(a->found.data, hashes, a->found.len) != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "'%s' does not follow from the entries", path);
	return HM_OK;
}

static int audit_entries(struct audit *a, struct hm_tile_rows *rows, uint64_t n,
			 struct hm_buf *tile, struct hm_err *err)
{
	unsigned int width = hm_tile_width(HM_TILE_ENTRIES, n, a->tiles->size);
	char path[HM_TILE_PATH_MAX];
	struct hm_slice rest, entry;
	struct hm_hash leaf;
	int rc = hm_tiles_read(a->tiles, HM_TILE_ENTRIES, n, tile, err);

	if (rc != HM_OK)
		return rc;
	hm_tile_path(HM_TILE_ENTRIES, n, width, path);
	rest = hm_buf_slice(tile);
	for (unsigned int i = 0; i < width; i++) {
		rc = hm_tiles_next_entry(&rest, &entry, err);
		if (rc == HM_OK)
			rc = hm_merkle_leaf_hash(entry, &leaf, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "'%s'", path);
		rc = hm_tile_rows_add(rows, &leaf, compare_tile, a, err);
		if (rc != HM_OK)
			return rc;
	}
	/* A full tile that stands for a partial one holds all 256. */
	for (unsigned int i = width; rest.len != 0; i++) {
		rc = i == HM_TILE_WIDTH || width == HM_TILE_WIDTH ?
		     HM_E_FORMAT : hm_tiles_next_entry(&rest, &entry, err);
		if (rc != HM_OK || (rest.len == 0 && i + 1 != HM_TILE_WIDTH))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "'%s' does not end after %u entries",
				       path, width);
	}
	return HM_OK;
}

static int audit(struct audit *a, struct hm_tile_rows *rows,
		 const struct hm_hash *root, hm_tiles_progress_fn progress,
		 void *ctx, struct hm_err *err)
{
	AUTO_BUF struct hm_buf tile;
	struct hm_hash computed;
	int rc = HM_OK;

	hm_buf_init(&tile, HM_ENTRY_TILE_MAX);
	for (uint64_t n = 0; rows->size < a->tiles->size; n++) {
		rc = audit_entries(a, rows, n, &tile, err);
		if (rc != HM_OK)
			return rc;
		if (progress)
			progress(ctx, rows->size, a->tiles->size);
	}
	rc = hm_tile_rows_partial(rows, 0, compare_tile, a, err);
	if (rc == HM_OK)
		rc = hm_tile_rows_root(rows, &computed, err);
	if (rc == HM_OK && !hm_hash_equal(&computed, root))
		rc = hm_fail(err, HM_E_CRYPTO, 0,
			     "the entries have another root than the checkpoint");
	return rc;
}

int hm_tiles_audit(struct hm_tiles *t, const struct hm_hash *root,
		   hm_tiles_progress_fn progress, void *ctx, struct hm_err *err)
{
	struct hm_tile_rows *rows = calloc(1, sizeof(*rows));
	struct audit a = {.tiles = t};
	int rc;

	if (!rows)
		return hm_fail(err, HM_E_NOMEM, 0, "audit");
	hm_buf_init(&a.found, HM_TILE_BYTES);
	rc = audit(&a, rows, root, progress, ctx, err);
	hm_buf_release(&a.found);
	free(rows);
	return rc;
}
