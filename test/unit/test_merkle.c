/*
 * Trees, proofs and their verifiers: known answers, and for every size up to
 * 300 every proof, made by the library and by the RFC's own recursive
 * definitions, with every hash, index and size changed.
 */
#include "lib/hex.h"
#include "lib/merkle.h"
#include "test/unit/tap.h"

#define N 300
/* Up to here every single byte of every proof is changed. */
#define N_EVERY_BYTE 20

static struct hm_err err;
static struct hm_hash leaves[N];
static struct hm_hash memo[N + 1][N + 1];
static bool memo_set[N + 1][N + 1];

static struct hm_hash unhex(const char *hex)
{
	struct hm_hash h;

	HM_BUG_ON(!hm_unhex(hm_slice_str(hex), h.bytes, sizeof(h.bytes)));
	return h;
}

static uint64_t rfc_split(uint64_t n)
{
	uint64_t k = 1;

	while (k * 2 < n)
		k *= 2;
	return k;
}

/* MTH(D[lo:hi]), word for word from RFC 6962 section 2.1. */
static struct hm_hash rfc_mth(uint64_t lo, uint64_t hi)
{
	struct hm_hash h, left, right;
	uint64_t k;

	if (hi - lo == 1)
		return leaves[lo];
	if (memo_set[lo][hi])
		return memo[lo][hi];
	k = rfc_split(hi - lo);
	left = rfc_mth(lo, lo + k);
	right = rfc_mth(lo + k, hi);
	HM_BUG_ON(hm_merkle_node_hash(&left, &right, &h, &err) != HM_OK);
	memo[lo][hi] = h;
	memo_set[lo][hi] = true;
	return h;
}

/* PATH(m, D[lo:hi]), section 2.1.1. */
static void rfc_path(uint64_t m, uint64_t lo, uint64_t hi,
		     struct hm_merkle_path *p)
{
	uint64_t k;

	if (hi - lo == 1)
		return;
	k = rfc_split(hi - lo);
	if (m < k) {
		rfc_path(m, lo, lo + k, p);
		p->hashes[p->count++] = rfc_mth(lo + k, hi);
	} else {
		rfc_path(m - k, lo + k, hi, p);
		p->hashes[p->count++] = rfc_mth(lo, lo + k);
	}
}

/* SUBPROOF(m, D[lo:hi], b), section 2.1.2. */
static void rfc_subproof(uint64_t m, uint64_t lo, uint64_t hi, bool b,
			 struct hm_merkle_path *p)
{
	uint64_t k;

	if (m == hi - lo) {
		if (!b)
			p->hashes[p->count++] = rfc_mth(lo, hi);
		return;
	}
	k = rfc_split(hi - lo);
	if (m <= k) {
		rfc_subproof(m, lo, lo + k, b, p);
		p->hashes[p->count++] = rfc_mth(lo + k, hi);
	} else {
		rfc_subproof(m - k, lo + k, hi, false, p);
		p->hashes[p->count++] = rfc_mth(lo, lo + k);
	}
}

static int subtree(void *ctx, unsigned int level, uint64_t index,
		   struct hm_hash *ret, struct hm_err *e)
{
	(void)ctx;
	(void)e;
	*ret = rfc_mth(index << level, (index + 1) << level);
	return HM_OK;
}

static const struct hm_merkle_source source = {subtree, NULL};

static bool same_path(const struct hm_merkle_path *a,
		      const struct hm_merkle_path *b)
{
	return a->count == b->count &&
	       memcmp(a->hashes, b->hashes, a->count * sizeof(a->hashes[0])) == 0;
}

/* The tree that the authors of RFC 6962 test with. */
static void test_known_answers(void)
{
	static const char *const data[] = {
		"", "00", "10", "2021", "3031", "40414243",
		"5051525354555657", "606162636465666768696a6b6c6d6e6f",
	};
	static const char *const roots[] = {
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	static const char *const path_5_8[] = {
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	};
	static const char *const proof_6_8[] = {
		"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	};
	struct hm_merkle_frontier f = {.size = 0};
	struct hm_merkle_path p;
	struct hm_hash h, want;
	uint8_t raw[16];

	memset(memo_set, 0, sizeof(memo_set));
	ok_call(hm_merkle_frontier_root(&f, &h, &err), &err, "empty tree");
	hm_merkle_empty_root(&want);
	ok(hm_hash_equal(&h, &want), "root of the empty tree is SHA-256(\"\")");
	for (size_t i = 0; i < HM_ARRAY_LEN(data); i++) {
		size_t len = strlen(data[i]) / 2;
		int rc;

		HM_BUG_ON(!hm_unhex(hm_slice_str(data[i]), raw, len));
		rc = hm_merkle_leaf_hash(hm_slice(raw, len), &leaves[i], &err);
		if (rc == HM_OK)
			rc = hm_merkle_frontier_add(&f, &leaves[i], &err);
		if (rc == HM_OK)
			rc = hm_merkle_frontier_root(&f, &h, &err);
		want = unhex(roots[i]);
		ok(rc == HM_OK && hm_hash_equal(&h, &want),
		   "known root of %zu leaves", i + 1);
	}
	ok_call(hm_merkle_inclusion_path(&source, 5, 8, &p, &err), &err,
		"path of leaf 5 of 8");
	for (size_t i = 0; i < 3; i++) {
		want = unhex(path_5_8[i]);
		ok(p.count == 3 && hm_hash_equal(&p.hashes[i], &want),
		   "known inclusion path, hash %zu", i);
	}
	ok_call(hm_merkle_consistency_path(&source, 6, 8, &p, &err), &err,
		"consistency of 6 and 8");
	for (size_t i = 0; i < 3; i++) {
		want = unhex(proof_6_8[i]);
		ok(p.count == 3 && hm_hash_equal(&p.hashes[i], &want),
		   "known consistency proof, hash %zu", i);
	}
}

static size_t rotate;	/* which byte is changed next */

static bool inclusion_refused(uint64_t i, uint64_t n, const struct hm_hash *leaf,
			      const struct hm_merkle_path *p,
			      const struct hm_hash *root)
{
	return hm_merkle_inclusion_verify(i, n, leaf, p, root, &err) != HM_OK;
}

/* True when no byte of h can change: all of them for small trees, else one. */
#define EACH_BYTE(n, h, refused)                                               \
	({                                                                     \
		size_t step_ = (n) <= N_EVERY_BYTE ? 1 : HM_SHA256_LEN;        \
		size_t at_ = step_ == 1 ? 0 : rotate++ % HM_SHA256_LEN;        \
		bool all_ = true;                                              \
		for (; at_ < HM_SHA256_LEN; at_ += step_) {                    \
			(h)->bytes[at_] ^= (uint8_t)(1U << (rotate++ % 8));    \
			all_ = all_ && (refused);                              \
			(h)->bytes[at_] ^= (uint8_t)(1U << ((rotate - 1) % 8)); \
		}                                                              \
		all_;                                                          \
	})

static bool inclusion_holds(uint64_t i, uint64_t n)
{
	struct hm_merkle_path p, rfc = {.count = 0};
	struct hm_hash leaf = leaves[i], root = rfc_mth(0, n);
	bool good;

	if (hm_merkle_inclusion_path(&source, i, n, &p, &err) != HM_OK)
		return false;
	rfc_path(i, 0, n, &rfc);
	if (!same_path(&p, &rfc) ||
	    hm_merkle_inclusion_verify(i, n, &leaf, &p, &root, &err) != HM_OK)
		return false;
	good = EACH_BYTE(n, &leaf, inclusion_refused(i, n, &leaf, &p, &root));
	good &= EACH_BYTE(n, &root, inclusion_refused(i, n, &leaf, &p, &root));
	for (size_t k = 0; k < p.count; k++)
		good &= EACH_BYTE(n, &p.hashes[k],
				  inclusion_refused(i, n, &leaf, &p, &root));
	good &= inclusion_refused(i + 1, n, &leaf, &p, &root);
	good &= i == 0 || inclusion_refused(i - 1, n, &leaf, &p, &root);
	p.hashes[p.count] = leaf;
	p.count++;
	good &= inclusion_refused(i, n, &leaf, &p, &root);
	p.count -= 2;
	good &= p.count > N || inclusion_refused(i, n, &leaf, &p, &root);
	return good;
}

static bool consistency_refused(uint64_t m, const struct hm_hash *old,
				uint64_t n, const struct hm_hash *new,
				const struct hm_merkle_path *p)
{
	return hm_merkle_consistency_verify(m, old, n, new, p, &err) != HM_OK;
}

static bool consistency_holds(uint64_t m, uint64_t n)
{
	struct hm_merkle_path p, rfc = {.count = 0};
	struct hm_hash old = rfc_mth(0, m), new = rfc_mth(0, n);
	bool good;

	if (hm_merkle_consistency_path(&source, m, n, &p, &err) != HM_OK)
		return false;
	rfc_subproof(m, 0, n, true, &rfc);
	if (!same_path(&p, &rfc) ||
	    hm_merkle_consistency_verify(m, &old, n, &new, &p, &err) != HM_OK)
		return false;
	good = EACH_BYTE(n, &old, consistency_refused(m, &old, n, &new, &p));
	good &= EACH_BYTE(n, &new, consistency_refused(m, &old, n, &new, &p));
	for (size_t k = 0; k < p.count; k++)
		good &= EACH_BYTE(n, &p.hashes[k],
				  consistency_refused(m, &old, n, &new, &p));
	good &= consistency_refused(n + 1, &old, n, &new, &p);
	if (m > 1 && m < n)
		good &= consistency_refused(m - 1, &old, n, &new, &p);
	p.hashes[p.count++] = old;
	good &= consistency_refused(m, &old, n, &new, &p);
	if (p.count > 1) {
		p.count -= 2;
		good &= consistency_refused(m, &old, n, &new, &p);
	}
	return good;
}

static void test_every_proof(void)
{
	struct hm_merkle_frontier f = {.size = 0};
	size_t bad_roots = 0, bad_inclusion = 0, bad_consistency = 0;

	memset(memo_set, 0, sizeof(memo_set));
	for (uint64_t n = 1; n <= N; n++) {
		struct hm_hash h, g, want;
		uint8_t number[8] = {(uint8_t)n, (uint8_t)(n >> 8)};

		HM_BUG_ON(hm_merkle_leaf_hash(hm_slice(number, sizeof(number)),
					      &leaves[n - 1], &err) != HM_OK);
		HM_BUG_ON(hm_merkle_frontier_add(&f, &leaves[n - 1], &err) !=
			  HM_OK);
		HM_BUG_ON(hm_merkle_frontier_root(&f, &g, &err) != HM_OK);
		HM_BUG_ON(hm_merkle_root(&source, n, &h, &err) != HM_OK);
		want = rfc_mth(0, n);
		bad_roots += !hm_hash_equal(&h, &want) ||
			     !hm_hash_equal(&g, &want);
		for (uint64_t i = 0; i < n; i++)
			bad_inclusion += !inclusion_holds(i, n);
		for (uint64_t m = 1; m <= n; m++)
			bad_consistency += !consistency_holds(m, n);
	}
	ok(bad_roots == 0, "every root up to %d, three ways", N);
	ok(bad_inclusion == 0,
	   "every inclusion proof up to %d verifies, changed ones do not", N);
	ok(bad_consistency == 0,
	   "every consistency proof up to %d verifies, changed ones do not", N);
}

static void test_refusals(void)
{
	struct hm_merkle_path p = {.count = 0};
	struct hm_hash a = leaves[0], b = leaves[1];

	fails(hm_merkle_inclusion_verify(0, 0, &a, &p, &a, &err), &err,
	      HM_E_FORMAT, "outside a tree of 0", "nothing is in the empty tree");
	fails(hm_merkle_inclusion_verify(3, 3, &a, &p, &a, &err), &err,
	      HM_E_FORMAT, "outside a tree of 3", "index beyond the tree");
	fails(hm_merkle_inclusion_verify(0, 1ULL << 63, &a, &p, &a, &err), &err,
	      HM_E_FORMAT, "2^63", "a size that no tree has");
	fails(hm_merkle_inclusion_verify(0, 2, &a, &p, &a, &err), &err,
	      HM_E_CRYPTO, "too short", "path cut off");
	fails(hm_merkle_inclusion_verify(0, 1, &a, &p, &b, &err), &err,
	      HM_E_CRYPTO, "another root", "another root");
	p.count = HM_MERKLE_PATH_MAX + 1;
	fails(hm_merkle_inclusion_verify(0, 1, &a, &p, &a, &err), &err,
	      HM_E_FORMAT, "proof of 64 hashes", "longer than any path");
	p.count = 1;
	p.hashes[0] = b;
	fails(hm_merkle_inclusion_verify(0, 1, &a, &p, &a, &err), &err,
	      HM_E_CRYPTO, "too long", "path with a hash too many");
	fails(hm_merkle_consistency_verify(3, &a, 2, &b, &p, &err), &err,
	      HM_E_CRYPTO, "shrank from 3 to 2", "a smaller tree");
	fails(hm_merkle_consistency_verify(2, &a, 2, &a, &p, &err), &err,
	      HM_E_CRYPTO, "too long", "equal sizes need no proof");
	fails(hm_merkle_consistency_verify(0, &a, 2, &b, &p, &err), &err,
	      HM_E_CRYPTO, "too long", "from nothing needs no proof");
	p.count = 0;
	fails(hm_merkle_consistency_verify(2, &a, 2, &b, &p, &err), &err,
	      HM_E_CRYPTO, "a fork", "two roots of one size are called a fork");
	fails(hm_merkle_consistency_verify(1, &a, 2, &b, &p, &err), &err,
	      HM_E_CRYPTO, "is empty", "no proof at all");
	ok_call(hm_merkle_consistency_verify(0, &a, 2, &b, &p, &err), &err,
		"everything grew from nothing");
	fails(hm_merkle_inclusion_path(&source, 4, 4, &p, &err), &err,
	      HM_E_FORMAT, "outside a tree of 4", "no path for a missing leaf");
	fails(hm_merkle_consistency_path(&source, 4, 3, &p, &err), &err,
	      HM_E_FORMAT, "from 4 to 3", "no proof of a shrunken tree");
	fails(hm_merkle_root(&source, 1ULL << 63, &a, &err), &err, HM_E_FORMAT,
	      "2^63", "no root of a size that no tree has");
}

static void test_full(void)
{
	struct hm_merkle_frontier f = {.size = HM_MERKLE_SIZE_MAX};

	fails(hm_merkle_frontier_add(&f, &leaves[0], &err), &err,
	      HM_E_TOO_LARGE, "full", "a tree of 2^63-1 leaves is full");
}

int main(void)
{
	test_known_answers();
	test_every_proof();
	test_refusals();
	test_full();
	return tap_done();
}
