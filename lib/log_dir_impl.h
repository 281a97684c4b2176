/*
 * Inside of a log directory: shared by the files that implement lib/log_dir.h,
 * and by nothing else.
 */
#pragma once

#include "lib/log_dir.h"
#include "lib/tile_rows.h"

/* Directories to sync at the end of an append; more are synced on the way. */
#define HM_LOG_DIRS_MAX 64
/* Leaf directories that an append alternates between: one for each level. */
#define HM_LOG_KNOWN_DIRS 16
/* Tiles that wait for one fsync of all of them; a small batch has fewer. */
#define HM_LOG_FILES_MAX 16

struct hm_log_dir {
	int dir, public_dir, tmp_dir;
	int memory_dir;			/* -1 = none */
	char memory_name[2 * HM_SHA256_LEN + 1];
	struct hm_note_key key;
	struct hm_signed_tree head;
	bool loaded;			/* rows and entries are head's */
	struct hm_tile_rows *rows;
	struct hm_buf entries;		/* of the entries tile not yet full */
	char dirs[HM_LOG_DIRS_MAX][HM_TILE_PATH_MAX];
	size_t dir_count;
	int files[HM_LOG_FILES_MAX];	/* written and named, not synced */
	size_t file_count;
	/* Directories that are known to be on disk with all above them. */
	char known[HM_LOG_KNOWN_DIRS][HM_TILE_PATH_MAX];
	size_t known_next;
};

int hm_log_open_dir(int at, const char *path, int *ret_fd,
		    struct hm_err *err) HM_MUST_CHECK;
/*
 * Writes a tile under tmp/ and moves it to its name. Not on disk before
 * hm_log_sync_tiles(), which several tiles share: that is what makes single
 * appends fast, and until then nothing is signed that needs them.
 */
int hm_log_place(struct hm_log_dir *d, const char *path, struct hm_slice data,
		 struct hm_err *err) HM_MUST_CHECK;
int hm_log_sync_tiles(struct hm_log_dir *d, struct hm_err *err) HM_MUST_CHECK;
/* Forgets what an append that failed has left to sync. */
void hm_log_drop_tiles(struct hm_log_dir *d);
/* Replaces public/checkpoint by a file that was synced first. */
int hm_log_put_checkpoint(struct hm_log_dir *d, struct hm_slice note,
			  struct hm_err *err) HM_MUST_CHECK;
/*
 * Syncs the tiles and makes the tree that the note signs the log's: decided
 * (DIR/signed), remembered, published.
 */
int hm_log_commit(struct hm_log_dir *d, struct hm_slice note,
		  struct hm_err *err) HM_MUST_CHECK;
/* HM_E_TIMEOUT when another process holds it; closing gives it back. */
int hm_log_lock(const struct hm_log_dir *d, hm_deadline_t deadline, int *ret_fd,
		struct hm_err *err) HM_MUST_CHECK;
/*
 * A signed tree that is remembered at dir/name; *ret_found is false, and the
 * tree left as it was, when there is none (or dir is -1).
 */
int hm_log_read_signed(const struct hm_log_dir *d, int dir, const char *name,
		       struct hm_signed_tree *ret_s, bool *ret_found,
		       struct hm_err *err) HM_MUST_CHECK;
/* Signs the tree that the rows hold. */
int hm_log_sign_rows(struct hm_log_dir *d, struct hm_signed_tree *ret_s,
		     struct hm_err *err) HM_MUST_CHECK;
