/*
 * Tree, commit, LFS pointer and attributes parsers. Property: what the tree
 * parser takes, written again, is the same bytes; cutting a text into pieces
 * does not change what the scanner finds in it.
 */
#include "lib/gitobject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tree(struct hm_slice all, enum hm_git_alg alg)
{
	struct hm_slice rest = all;
	AUTO_BUF struct hm_buf again;
	struct hm_git_entry e, prev = {.mode = 0};
	struct hm_err err;
	size_t n = 0;

	hm_buf_init(&again, all.len + 1024);
	while (rest.len > 0) {
		if (hm_git_tree_next(&rest, alg, &e, &err) < 0)
			break;
		HM_BUG_ON(e.name.ptr[e.name.len] != 0);
		HM_BUG_ON(hm_buf_addf(&again, &err, "%o ", e.mode) < 0 ||
			  hm_buf_add(&again, e.name.ptr, e.name.len + 1, &err) < 0 ||
			  hm_buf_add(&again, e.id.bytes, hm_git_id_len(alg),
				     &err) < 0);
		if (n++ > 0)
			HM_BUG_ON((hm_git_entry_cmp(&prev, &e) < 0) !=
				  (hm_git_entry_cmp(&e, &prev) > 0));
		prev = e;
	}
	HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again),
			       hm_slice(all.ptr, all.len - rest.len)));
}

static void scan(struct hm_slice all)
{
	struct hm_lfs_scan whole = {.matched = 0}, pieces = {.matched = 0};

	hm_lfs_scan_add(&whole, all);
	for (size_t i = 0; i < all.len; i++)
		hm_lfs_scan_add(&pieces, hm_slice(all.ptr + i, 1));
	HM_BUG_ON(hm_lfs_scan_end(&whole) != hm_lfs_scan_end(&pieces));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hm_git_commit c;
	struct hm_lfs_pointer p;
	struct hm_slice all;

	if (size == 0)
		return 0;
	all = hm_slice(data + 1, size - 1);
	switch (data[0] % 5) {
	case 0:
		tree(all, HM_GIT_SHA1);
		break;
	case 1:
		tree(all, HM_GIT_SHA256);
		break;
	case 2:
		if (hm_git_commit_parse(all, HM_GIT_SHA1, &c, NULL) == HM_OK)
			HM_BUG_ON(c.committer_s < 0 ||
				  c.committer_s > HM_GIT_TIME_MAX ||
				  c.tree.alg != HM_GIT_SHA1);
		break;
	case 3:
		if (hm_lfs_pointer_parse(all, &p))
			HM_BUG_ON(p.size > INT64_MAX ||
				  all.len > HM_LFS_POINTER_MAX);
		break;
	default:
		scan(all);
		break;
	}
	return 0;
}
