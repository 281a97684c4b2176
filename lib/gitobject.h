/*
 * What git objects contain: entries of trees, and the two facts that we take
 * from a commit. Pure parsers over bytes whose id was checked, which makes them
 * authentic and not harmless: whoever wrote the commit chose every one of them.
 */
#pragma once

#include "lib/gitid.h"

/* The only modes a tree entry may have. */
#define HM_GIT_MODE_DIR 040000U
#define HM_GIT_MODE_FILE 0100644U
#define HM_GIT_MODE_EXEC 0100755U
#define HM_GIT_MODE_LINK 0120000U
#define HM_GIT_MODE_SUBMODULE 0160000U

/* One entry of a tree object; name points into the tree's bytes. */
struct hm_git_entry {
	uint32_t mode;
	struct hm_slice name;
	struct hm_git_id id;
};

/*
 * Takes the next entry off *rest. HM_E_FORMAT for bytes that are no entry,
 * another mode or a leading zero; HM_E_POLICY for names that hm_name_check()
 * refuses and any name that is or could become ".git" on some file system (case,
 * HFS+ ignorable code points, NTFS short names and streams).
 */
int hm_git_tree_next(struct hm_slice *rest, enum hm_git_alg alg,
		     struct hm_git_entry *ret_entry,
		     struct hm_err *err) HM_MUST_CHECK;
/* Git's tree order ("a.b" < "a/" < "a0"): directories as if with a slash. */
int hm_git_entry_cmp(const struct hm_git_entry *a, const struct hm_git_entry *b);

/* 9999-12-31T23:59:59Z: beyond it dates have no agreed text form. */
#define HM_GIT_TIME_MAX 253402300799

struct hm_git_commit {
	struct hm_git_id tree;
	int64_t committer_s;	/* 0..HM_GIT_TIME_MAX */
};
int hm_git_commit_parse(struct hm_slice content, enum hm_git_alg alg,
			struct hm_git_commit *ret_c,
			struct hm_err *err) HM_MUST_CHECK;

/*
 * Git LFS (specification v1). A .gitattributes file with the token "filter=lfs"
 * makes pointers below its directory stand for content.
 */
/* The specification: a pointer file is below 1024 bytes. */
#define HM_LFS_POINTER_MAX 1023U
#define HM_LFS_ID_LEN 32

struct hm_lfs_pointer {
	uint8_t sha256[HM_LFS_ID_LEN];
	uint64_t size;
};
/*
 * True when s is exactly a version 1 pointer: the three keys version, oid and
 * size in this order, in their one canonical spelling. Pointers with extensions
 * are not: what they stand for needs a program to compute.
 */
bool hm_lfs_pointer_parse(struct hm_slice s, struct hm_lfs_pointer *ret_p);

/* Finds the token in a text that comes in pieces of any size. */
struct hm_lfs_scan {
	unsigned int matched;	/* characters of the token so far */
	bool mid_word;		/* inside a word that is not the token */
	bool found;
};
void hm_lfs_scan_add(struct hm_lfs_scan *s, struct hm_slice piece);
/* After the last piece. */
bool hm_lfs_scan_end(struct hm_lfs_scan *s);
