/*
 * RFC 6962 trees. The verifiers follow RFC 9162 section 2.1.3.2 and 2.1.4.2 bit
 * by bit, because they walk the path with the *claimed* size and index: every
 * step that the claimed shape does not have is a refusal, so a path can be
 * neither shortened, lengthened nor moved to another index. The generators know
 * only complete subtrees, which is what tiles hold.
 */
#include "lib/merkle.h"

#include <string.h>

bool hm_hash_equal(const struct hm_hash *a, const struct hm_hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void hm_merkle_empty_root(struct hm_hash *ret)
{
	static const struct hm_hash empty = {{
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
		0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
		0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
		0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
	}};

	*ret = empty;
}

int hm_merkle_leaf_hash(struct hm_slice leaf, struct hm_hash *ret,
			struct hm_err *err)
{
	static const uint8_t prefix = 0x00;
	AUTO_DIGEST struct hm_digest *d = NULL;
	struct hm_hash h;
	int rc = hm_digest_new(HM_SHA256, &d, err);

	if (rc == HM_OK)
		rc = hm_digest_update(d, &prefix, 1, err);
	if (rc == HM_OK)
		rc = hm_digest_update(d, leaf.ptr, leaf.len, err);
	if (rc == HM_OK)
		rc = hm_digest_final(d, h.bytes, err);
	if (rc == HM_OK)
		*ret = h;
	return rc;
}

int hm_merkle_node_hash(const struct hm_hash *left, const struct hm_hash *right,
			struct hm_hash *ret, struct hm_err *err)
{
	uint8_t msg[1 + 2 * HM_SHA256_LEN];

	msg[0] = 0x01;
	memcpy(msg + 1, left->bytes, HM_SHA256_LEN);
	memcpy(msg + 1 + HM_SHA256_LEN, right->bytes, HM_SHA256_LEN);
	return hm_sha256(hm_slice(msg, sizeof(msg)), ret->bytes, err);
}

static int check_path(const struct hm_merkle_path *path, uint64_t size,
		      struct hm_err *err)
{
	if (path->count > HM_MERKLE_PATH_MAX)
		return hm_fail(err, HM_E_FORMAT, 0, "proof of %zu hashes",
			       path->count);
	if (size > HM_MERKLE_SIZE_MAX)
		return hm_fail(err, HM_E_FORMAT, 0, "tree size is 2^63 or more");
	return HM_OK;
}

/*
 * One step up from node fn of the level whose last node is sn: tells whether
 * the node is a right child (its sibling stands to the left), and skips the
 * levels on which a last node without sibling is carried up unchanged.
 */
static bool step_up(uint64_t *fn, uint64_t *sn)
{
	bool right = (*fn & 1) != 0 || *fn == *sn;

	if (right) {
		while ((*fn & 1) == 0 && *fn != 0) {
			*fn >>= 1;
			*sn >>= 1;
		}
	}
	*fn >>= 1;
	*sn >>= 1;
	return right;
}

int hm_merkle_inclusion_verify(uint64_t index, uint64_t size,
			       const struct hm_hash *leaf,
			       const struct hm_merkle_path *path,
			       const struct hm_hash *root, struct hm_err *err)
{
	struct hm_hash r = *leaf;
	uint64_t fn = index, sn = size - 1;
	int rc = check_path(path, size, err);

	if (rc != HM_OK)
		return rc;
	if (index >= size)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "index %llu is outside a tree of %llu",
			       (unsigned long long)index,
			       (unsigned long long)size);
	for (size_t i = 0; i < path->count; i++) {
		const struct hm_hash *p = &path->hashes[i];

		if (sn == 0)
			return hm_fail(err, HM_E_CRYPTO, 0,
				       "inclusion proof is too long");
		if (step_up(&fn, &sn))
			rc = hm_merkle_node_hash(p, &r, &r, err);
		else
			rc = hm_merkle_node_hash(&r, p, &r, err);
		if (rc != HM_OK)
			return rc;
	}
	if (sn != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "inclusion proof is too short");
	if (!hm_hash_equal(&r, root))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "inclusion proof leads to another root");
	return HM_OK;
}

static bool is_power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* 0 < old_size < new_size */
static int consistency_walk(uint64_t old_size, const struct hm_hash *old_root,
			    uint64_t new_size, const struct hm_hash *new_root,
			    const struct hm_merkle_path *path,
			    struct hm_err *err)
{
	uint64_t fn = old_size - 1, sn = new_size - 1;
	struct hm_hash fr, sr;
	size_t i = 0;

	if (path->count == 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "consistency proof is empty");
	/* A complete old tree is a node of the new one: its root starts the walk. */
	fr = is_power_of_two(old_size) ? *old_root : path->hashes[i++];
	sr = fr;
	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	for (; i < path->count; i++) {
		const struct hm_hash *c = &path->hashes[i];
		int rc = HM_OK;

		if (sn == 0)
			return hm_fail(err, HM_E_CRYPTO, 0,
				       "consistency proof is too long");
		if (step_up(&fn, &sn)) {
			rc = hm_merkle_node_hash(c, &fr, &fr, err);
			if (rc == HM_OK)
				rc = hm_merkle_node_hash(c, &sr, &sr, err);
		} else {
			rc = hm_merkle_node_hash(&sr, c, &sr, err);
		}
		if (rc != HM_OK)
			return rc;
	}
	if (sn != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "consistency proof is too short");
	if (!hm_hash_equal(&fr, old_root))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "consistency proof leads to another old root");
	if (!hm_hash_equal(&sr, new_root))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "consistency proof leads to another new root");
	return HM_OK;
}

int hm_merkle_consistency_verify(uint64_t old_size,
				 const struct hm_hash *old_root,
				 uint64_t new_size,
				 const struct hm_hash *new_root,
				 const struct hm_merkle_path *path,
				 struct hm_err *err)
{
	int rc = check_path(path, new_size, err);

	if (rc != HM_OK)
		return rc;
	if (old_size > new_size)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "tree shrank from %llu to %llu",
			       (unsigned long long)old_size,
			       (unsigned long long)new_size);
	if (old_size != 0 && old_size != new_size)
		return consistency_walk(old_size, old_root, new_size, new_root,
					path, err);
	if (path->count != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "consistency proof is too long");
	if (old_size == new_size && !hm_hash_equal(old_root, new_root))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "two roots for one tree size %llu: a fork",
			       (unsigned long long)new_size);
	return HM_OK;
}

/* --- making proofs -------------------------------------------------------- */

static unsigned int highest_bit(uint64_t n)
{
	unsigned int bit = 0;

	while ((n >>= 1) != 0)
		bit++;
	return bit;
}

/* k of RFC 6962: the largest power of two below n; n > 1. */
static uint64_t split(uint64_t n)
{
	return 1ULL << highest_bit(n - 1);
}

/*
 * MTH(D[start:end]) where start is a multiple of a power of two that is at
 * least end - start, as it is for every node of the tree: complete subtrees
 * from left to right, folded from the right.
 */
static int range_hash(const struct hm_merkle_source *src, uint64_t start,
		      uint64_t end, struct hm_hash *ret, struct hm_err *err)
{
	uint64_t n = end - start, at = end;
	struct hm_hash acc, left;
	bool have = false;

	while (n != 0) {
		unsigned int level = (unsigned int)__builtin_ctzll(n);
		uint64_t width = 1ULL << level;
		int rc;

		at -= width;
		n -= width;
		rc = src->subtree(src->ctx, level, at >> level,
				  have ? &left : &acc, err);
		if (rc == HM_OK && have)
			rc = hm_merkle_node_hash(&left, &acc, &acc, err);
		if (rc != HM_OK)
			return rc;
		have = true;
	}
	if (have)
		*ret = acc;
	else
		hm_merkle_empty_root(ret);
	return HM_OK;
}

int hm_merkle_root(const struct hm_merkle_source *src, uint64_t size,
		   struct hm_hash *ret, struct hm_err *err)
{
	if (size > HM_MERKLE_SIZE_MAX)
		return hm_fail(err, HM_E_FORMAT, 0, "tree size is 2^63 or more");
	return range_hash(src, 0, size, ret, err);
}

/* Proofs are found from the root down and written from the leaf up. */
static void reverse(struct hm_merkle_path *p)
{
	for (size_t i = 0; i < p->count / 2; i++) {
		struct hm_hash swap = p->hashes[i];

		p->hashes[i] = p->hashes[p->count - 1 - i];
		p->hashes[p->count - 1 - i] = swap;
	}
}

int hm_merkle_inclusion_path(const struct hm_merkle_source *src, uint64_t index,
			     uint64_t size, struct hm_merkle_path *ret,
			     struct hm_err *err)
{
	struct hm_merkle_path p = {.count = 0};
	uint64_t lo = 0, hi = size;

	if (size > HM_MERKLE_SIZE_MAX || index >= size)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "index %llu is outside a tree of %llu",
			       (unsigned long long)index,
			       (unsigned long long)size);
	while (hi - lo > 1) {
		uint64_t mid = lo + split(hi - lo);
		bool left = index < mid;
		int rc = range_hash(src, left ? mid : lo, left ? hi : mid,
				    &p.hashes[p.count++], err);

		if (rc != HM_OK)
			return rc;
		if (left)
			hi = mid;
		else
			lo = mid;
	}
	reverse(&p);
	*ret = p;
	return HM_OK;
}

int hm_merkle_consistency_path(const struct hm_merkle_source *src,
			       uint64_t old_size, uint64_t new_size,
			       struct hm_merkle_path *ret, struct hm_err *err)
{
	struct hm_merkle_path p = {.count = 0};
	uint64_t lo = 0, hi = new_size;
	int rc = HM_OK;

	if (new_size > HM_MERKLE_SIZE_MAX || old_size > new_size)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "no consistency proof from %llu to %llu",
			       (unsigned long long)old_size,
			       (unsigned long long)new_size);
	/* SUBPROOF of RFC 6962 as a loop: until [lo, hi) ends where the old does. */
	while (old_size != 0 && old_size != hi) {
		uint64_t mid = lo + split(hi - lo);
		bool left = old_size <= mid;

		rc = range_hash(src, left ? mid : lo, left ? hi : mid,
				&p.hashes[p.count++], err);
		if (rc != HM_OK)
			return rc;
		if (left)
			hi = mid;
		else
			lo = mid;
	}
	/* The old root itself need not be sent; any other last node must be. */
	if (old_size != 0 && lo != 0)
		rc = range_hash(src, lo, hi, &p.hashes[p.count++], err);
	if (rc != HM_OK)
		return rc;
	reverse(&p);
	*ret = p;
	return HM_OK;
}

/* --- adding leaves -------------------------------------------------------- */

int hm_merkle_frontier_add(struct hm_merkle_frontier *f,
			   const struct hm_hash *leaf, struct hm_err *err)
{
	struct hm_hash h = *leaf;
	unsigned int level = 0;

	if (f->size >= HM_MERKLE_SIZE_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "tree is full");
	for (; ((f->size >> level) & 1) != 0; level++) {
		int rc = hm_merkle_node_hash(&f->levels[level], &h, &h, err);

		if (rc != HM_OK)
			return rc;
	}
	f->levels[level] = h;
	f->size++;
	return HM_OK;
}

static int frontier_subtree(void *ctx, unsigned int level, uint64_t index,
			    struct hm_hash *ret, struct hm_err *err)
{
	const struct hm_merkle_frontier *f = ctx;

	(void)index;	/* a frontier holds the one that a root asks for */
	(void)err;
	*ret = f->levels[level];
	return HM_OK;
}

int hm_merkle_frontier_root(const struct hm_merkle_frontier *f,
			    struct hm_hash *ret, struct hm_err *err)
{
	struct hm_merkle_frontier copy = *f;
	struct hm_merkle_source src = {frontier_subtree, &copy};

	return hm_merkle_root(&src, f->size, ret, err);
}
