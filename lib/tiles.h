/*
 * Reading a log kept as C2SP tlog-tiles in a directory (or what a web server
 * would serve): tile paths, hashes of any complete subtree, entries, proofs and
 * the full audit. Writing is in lib/log_dir.h.
 *
 * What is read is not believed: proofs are checked against the root of the
 * checkpoint before they are handed out, and a file of another length than the
 * tree's size gives is HM_E_FORMAT.
 */
#pragma once

#include "lib/note.h"
#include "lib/tlog.h"

#define HM_TILE_WIDTH 256U	/* hashes or entries in a full tile */
#define HM_TILE_BYTES (HM_TILE_WIDTH * HM_SHA256_LEN)
/* 256^8 > 2^63: levels 0 to 7 hold every tree. */
#define HM_TILE_LEVELS 8U
#define HM_TILE_ENTRIES 0xffU	/* in place of a level: the entries */
/* "tile/entries/x001/x234/.../067.p/255" with seven groups at most. */
#define HM_TILE_PATH_MAX 64
/* 256 entries of 65,535 bytes, each after a length of two. */
#define HM_ENTRY_TILE_MAX (HM_TILE_WIDTH * (HM_LEAF_MAX + 2U))

/* width: HM_TILE_WIDTH = the full tile, else 1..255 = that partial one. */
void hm_tile_path(unsigned int level, uint64_t n, unsigned int width,
		  char out[HM_TILE_PATH_MAX]);
/* Hashes (or entries) of tile n of a level in a tree of this size; 0..256. */
unsigned int hm_tile_width(unsigned int level, uint64_t n, uint64_t size);

/* A proof touches two tiles a level at most. */
#define HM_TILES_CACHE 16
struct hm_tiles {
	int dir;	/* borrowed: holds checkpoint and tile/ */
	uint64_t size;	/* of the tree that is read */
	uint64_t clock;
	struct hm_tiles_slot {
		uint64_t used;	/* 0 = empty */
		uint64_t n;
		unsigned int level;
		unsigned int width;
		struct hm_hash hashes[HM_TILE_WIDTH];
	} slots[HM_TILES_CACHE];
};
/* 128 KiB: keep it off the stack. */
void hm_tiles_init(struct hm_tiles *t, int dir, uint64_t size);

/* Whole tile into b: entries (max HM_ENTRY_TILE_MAX) or hashes. */
int hm_tiles_read(const struct hm_tiles *t, unsigned int level, uint64_t n,
		  struct hm_buf *b, struct hm_err *err) HM_MUST_CHECK;
/* Takes the next entry off the bytes of an entries tile. */
int hm_tiles_next_entry(struct hm_slice *rest, struct hm_slice *ret_entry,
			struct hm_err *err) HM_MUST_CHECK;
/* One entry; not checked against the tree. */
int hm_tiles_entry(const struct hm_tiles *t, uint64_t index, struct hm_buf *b,
		   struct hm_err *err) HM_MUST_CHECK;
/* The leaf hash at an index; for hm_merkle_source, see below. */
int hm_tiles_subtree(void *tiles, unsigned int level, uint64_t index,
		     struct hm_hash *ret, struct hm_err *err) HM_MUST_CHECK;
static inline struct hm_merkle_source hm_tiles_source(struct hm_tiles *t)
{
	return (struct hm_merkle_source){hm_tiles_subtree, t};
}

/* A checkpoint that was read and whose signature was checked. */
struct hm_signed_tree {
	uint64_t size;
	struct hm_hash root;
	struct hm_buf note;	/* owned: the signed note */
};
void hm_signed_tree_init(struct hm_signed_tree *s);
void hm_signed_tree_release(struct hm_signed_tree *s);
#define AUTO_SIGNED_TREE HM_CLEANUP(hm_signed_tree_release)
/* Verifies a note's bytes; the origin must be the key's name. Moves *note. */
int hm_signed_tree_parse(struct hm_buf *note, const struct hm_note_key *key,
			 struct hm_signed_tree *ret_s,
			 struct hm_err *err) HM_MUST_CHECK;
/* dir/checkpoint */
int hm_tiles_checkpoint(int dir, const struct hm_note_key *key,
			struct hm_signed_tree *ret_s,
			struct hm_err *err) HM_MUST_CHECK;

/* An inclusion proof, already verified against root; t->size is the tree. */
int hm_tiles_prove(struct hm_tiles *t, uint64_t index,
		   const struct hm_hash *root, struct hm_hash *ret_leaf,
		   struct hm_merkle_path *ret_path,
		   struct hm_err *err) HM_MUST_CHECK;
/*
 * The index of a leaf among from..t->size-1, by its hash; HM_E_POLICY when it
 * is not there. Reads the level 0 tiles of that range.
 */
int hm_tiles_find(struct hm_tiles *t, uint64_t from, const struct hm_hash *leaf,
		  uint64_t *ret_index, struct hm_err *err) HM_MUST_CHECK;
/*
 * The tree of old begins the tree of new, as the tiles show it. HM_E_CRYPTO
 * names a fork or a shrunken log.
 */
int hm_tiles_consistent(struct hm_tiles *t, const struct hm_signed_tree *old_tree,
			const struct hm_signed_tree *new_tree,
			struct hm_err *err) HM_MUST_CHECK;

/*
 * Full audit of the first t->size entries: every entry is hashed again, every
 * tile of every level must hold exactly what follows from the entries, and the
 * root must be this one. progress may be NULL.
 */
typedef void (*hm_tiles_progress_fn)(void *ctx, uint64_t done, uint64_t total);
int hm_tiles_audit(struct hm_tiles *t, const struct hm_hash *root,
		   hm_tiles_progress_fn progress, void *ctx,
		   struct hm_err *err) HM_MUST_CHECK;
