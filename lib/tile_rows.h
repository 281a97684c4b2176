/*
 * The right edge of a tiled log: per level the hashes of the tile that is not
 * full yet. Adding leaves yields the full tiles; what is left are the partial
 * ones and the root. Used to write a log and to audit one.
 */
#pragma once

#include "lib/tiles.h"

/* 64 KiB: keep it off the stack. Zeroed = empty log. */
struct hm_tile_rows {
	uint64_t size;
	/* (size >> 8 * level) % 256 hashes count in each */
	struct hm_hash tail[HM_TILE_LEVELS][HM_TILE_WIDTH];
};

/* Called for a tile: width 256 = full. A negative return ends the walk. */
typedef int (*hm_tile_fn)(void *ctx, unsigned int level, uint64_t n,
			  unsigned int width, const struct hm_hash *hashes,
			  struct hm_err *err);

/* The root over count = 2^k neighbouring hashes, count <= 256. */
int hm_tile_fold(const struct hm_hash *hashes, size_t count,
		 struct hm_hash *ret, struct hm_err *err) HM_MUST_CHECK;
/* Fills the tails from the tiles of a log of t->size. */
int hm_tile_rows_load(struct hm_tile_rows *r, const struct hm_tiles *t,
		      struct hm_err *err) HM_MUST_CHECK;
/* fn gets every tile that this leaf makes full, lowest level first. */
int hm_tile_rows_add(struct hm_tile_rows *r, const struct hm_hash *leaf,
		     hm_tile_fn fn, void *ctx, struct hm_err *err) HM_MUST_CHECK;
/*
 * fn gets the partial tiles of all levels whose rows have grown since the log
 * had this size.
 */
int hm_tile_rows_partial(const struct hm_tile_rows *r, uint64_t since,
			 hm_tile_fn fn, void *ctx, struct hm_err *err) HM_MUST_CHECK;
int hm_tile_rows_root(const struct hm_tile_rows *r, struct hm_hash *ret,
		      struct hm_err *err) HM_MUST_CHECK;
