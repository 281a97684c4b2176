/*
 * Merkle trees of RFC 6962 (the same as RFC 9162 with SHA-256): hashing, and
 * inclusion and consistency proofs, made and checked. Pure: hashes in, verdict
 * or hashes out; where the hashes are stored is the caller's business.
 *
 * HM_E_FORMAT: not a proof at all (index outside the tree, more hashes than any
 * tree has, a size of 2^63 or more). HM_E_CRYPTO: it does not prove it.
 */
#pragma once

#include "lib/crypto.h"

/* A path has one hash per level, and sizes are below 2^63. */
#define HM_MERKLE_PATH_MAX 63
/* Sizes travel as signed 64-bit integers in other people's formats. */
#define HM_MERKLE_SIZE_MAX ((uint64_t)INT64_MAX)

struct hm_hash {
	uint8_t bytes[HM_SHA256_LEN];
};

struct hm_merkle_path {
	struct hm_hash hashes[HM_MERKLE_PATH_MAX];	/* lowest level first */
	size_t count;
};

bool hm_hash_equal(const struct hm_hash *a, const struct hm_hash *b);

/* Root of the tree without leaves: SHA-256(""). */
void hm_merkle_empty_root(struct hm_hash *ret);
/* SHA-256(0x00 || leaf) */
int hm_merkle_leaf_hash(struct hm_slice leaf, struct hm_hash *ret,
			struct hm_err *err) HM_MUST_CHECK;
/* SHA-256(0x01 || left || right); ret may be left or right. */
int hm_merkle_node_hash(const struct hm_hash *left, const struct hm_hash *right,
			struct hm_hash *ret, struct hm_err *err) HM_MUST_CHECK;

int hm_merkle_inclusion_verify(uint64_t index, uint64_t size,
			       const struct hm_hash *leaf,
			       const struct hm_merkle_path *path,
			       const struct hm_hash *root,
			       struct hm_err *err) HM_MUST_CHECK;
/*
 * The tree of old_size leaves is the beginning of that of new_size. Nothing
 * needs proving from size 0 or between equal sizes: the path must be empty then.
 */
int hm_merkle_consistency_verify(uint64_t old_size,
				 const struct hm_hash *old_root,
				 uint64_t new_size,
				 const struct hm_hash *new_root,
				 const struct hm_merkle_path *path,
				 struct hm_err *err) HM_MUST_CHECK;

/*
 * Where proofs come from: the hash of the complete subtree over the 2^level
 * leaves that begin at index * 2^level. Every root and proof is made of these.
 */
struct hm_merkle_source {
	int (*subtree)(void *ctx, unsigned int level, uint64_t index,
		       struct hm_hash *ret, struct hm_err *err);
	void *ctx;
};
int hm_merkle_root(const struct hm_merkle_source *src, uint64_t size,
		   struct hm_hash *ret, struct hm_err *err) HM_MUST_CHECK;
int hm_merkle_inclusion_path(const struct hm_merkle_source *src, uint64_t index,
			     uint64_t size, struct hm_merkle_path *ret,
			     struct hm_err *err) HM_MUST_CHECK;
int hm_merkle_consistency_path(const struct hm_merkle_source *src,
			       uint64_t old_size, uint64_t new_size,
			       struct hm_merkle_path *ret,
			       struct hm_err *err) HM_MUST_CHECK;

/*
 * Adding leaves one after the other in memory that does not grow: the roots of
 * the complete subtrees to the left of the next leaf. Zeroed = empty tree.
 */
struct hm_merkle_frontier {
	uint64_t size;
	struct hm_hash levels[HM_MERKLE_PATH_MAX];	/* where size has a bit */
};
int hm_merkle_frontier_add(struct hm_merkle_frontier *f,
			   const struct hm_hash *leaf,
			   struct hm_err *err) HM_MUST_CHECK;
int hm_merkle_frontier_root(const struct hm_merkle_frontier *f,
			    struct hm_hash *ret, struct hm_err *err) HM_MUST_CHECK;
