/*
 * Git object ids: hash of "<type> <size>\0<content>". SHA-1 always with
 * collision detection (an object that shows a collision attack is HM_E_CRYPTO,
 * never an id); SHA-256 repositories too. Streaming, memory flat.
 */
#pragma once

#include "lib/crypto.h"

enum hm_git_alg {
	HM_GIT_SHA1,	/* 20 bytes */
	HM_GIT_SHA256,	/* 32 bytes */
};

#define HM_GIT_ID_MAX 32
#define HM_GIT_HEX_MAX 65

struct hm_git_id {
	enum hm_git_alg alg;
	uint8_t bytes[HM_GIT_ID_MAX];	/* rest zero */
};

enum hm_git_type {
	HM_GIT_COMMIT = 1,
	HM_GIT_TREE = 2,
	HM_GIT_BLOB = 3,
};

size_t hm_git_id_len(enum hm_git_alg alg);
void hm_git_id_hex(const struct hm_git_id *id, char out[HM_GIT_HEX_MAX]);
/* 40 or 64 lower-case hex digits; the length tells the algorithm. */
int hm_git_id_parse(struct hm_slice hex, struct hm_git_id *ret_id,
		    struct hm_err *err) HM_MUST_CHECK;
bool hm_git_id_equal(const struct hm_git_id *a, const struct hm_git_id *b);
const char *hm_git_type_name(enum hm_git_type type);

struct hm_git_hasher;	/* reusable for object after object */
int hm_git_hasher_new(enum hm_git_alg alg, struct hm_git_hasher **ret_h,
		      struct hm_err *err) HM_MUST_CHECK;
int hm_git_hasher_begin(struct hm_git_hasher *h, enum hm_git_type type,
			uint64_t size, struct hm_err *err) HM_MUST_CHECK;
int hm_git_hasher_update(struct hm_git_hasher *h, const void *p, size_t len,
			 struct hm_err *err) HM_MUST_CHECK;
/* Checks that exactly `size` bytes came. */
int hm_git_hasher_end(struct hm_git_hasher *h, struct hm_git_id *ret_id,
		      struct hm_err *err) HM_MUST_CHECK;
void hm_git_hasher_free(struct hm_git_hasher *h);
void hm_git_hasher_cleanup(struct hm_git_hasher **h);
#define AUTO_GIT_HASHER HM_CLEANUP(hm_git_hasher_cleanup)

/* One entry of a tree object; name and id point into the tree's bytes. */
struct hm_git_entry {
	uint32_t mode;	/* exactly 040000, 0100644, 0100755, 0120000, 0160000 */
	struct hm_slice name;
	struct hm_git_id id;
};

/*
 * Takes the next entry off *rest. Refuses other modes, leading zeros, names
 * that hm_name_check() refuses, and any name that is or could become ".git" on
 * some file system (case, HFS+ ignorable code points, NTFS short names).
 */
int hm_git_tree_next(struct hm_slice *rest, enum hm_git_alg alg,
		     struct hm_git_entry *ret_entry,
		     struct hm_err *err) HM_MUST_CHECK;
/* Git's tree order ("a" < "a.b" < "a/"). <0, 0, >0. */
int hm_git_entry_cmp(const struct hm_git_entry *a, const struct hm_git_entry *b);

/* What we take from a commit object: root tree and committer time. */
struct hm_git_commit {
	struct hm_git_id tree;
	int64_t committer_s;	/* seconds since 1970 */
};
int hm_git_commit_parse(struct hm_slice content, enum hm_git_alg alg,
			struct hm_git_commit *ret_c,
			struct hm_err *err) HM_MUST_CHECK;
