/*
 * Between source.c (objects as they come) and source_walk.c (the tree they make)
 * only: the state that both work on.
 */
#pragma once

#include "enclave-worker/source.h"
#include "lib/crypto.h"
#include "lib/githash.h"
#include "lib/gitobject.h"

struct hm_source_level {
	int fd;				/* owned; the root's is the caller's */
	struct hm_buf tree;
	struct hm_slice rest;		/* entries not yet begun */
	struct hm_git_entry cur;	/* the entry being received */
	struct hm_git_hasher *sha256;	/* this tree with SHA-256 ids */
	size_t path_len;
	size_t submodule;		/* 1 + index when this is its root tree */
	bool lfs;			/* filter=lfs is in force here */
};

struct hm_source {
	struct hm_source_spec spec;
	bool failed, complete;

	unsigned int want_kind;		/* what must come next, */
	struct hm_git_id want;		/* with this id (not LFS) */
	struct hm_lfs_pointer want_lfs;
	size_t want_submodule;		/* 1 + index: commit or tree of one */

	bool open;			/* an object is coming in */
	uint64_t left;			/* bytes of it still to come */
	struct hm_git_hasher *id;	/* as the repository hashes */
	struct hm_git_hasher *id256;	/* blobs, unless that is the same */
	struct hm_digest *content;	/* LFS: SHA-256 of the plain content */
	struct hm_buf body;		/* commit, link, perhaps a pointer */
	int out_fd;			/* file being written, or -1 */
	struct hm_lfs_scan scan;	/* of a .gitattributes file */

	struct hm_source_level *levels;		/* HM_SOURCE_MAX_DEPTH of them */
	size_t depth;
	size_t tree_bytes;		/* held by the levels */
	uint64_t entries;
	struct hm_buf path;		/* of the entry being received */
	struct hm_source_result result;
};

/* The directory being filled; there is one from the root tree on. */
static inline struct hm_source_level *hm_source_top(struct hm_source *s)
{
	return &s->levels[s->depth - 1];
}

/* An object is here and has the right id: what follows from it. */
int hm_source_commit_arrived(struct hm_source *s, struct hm_err *err) HM_MUST_CHECK;
int hm_source_tree_arrived(struct hm_source *s, struct hm_err *err) HM_MUST_CHECK;
/* The current entry is on disk; id256 is its SHA-256 id. */
int hm_source_entry_done(struct hm_source *s, const struct hm_git_id *id256,
			 struct hm_err *err) HM_MUST_CHECK;
/* Decides what must come next, leaving every directory that is full. */
int hm_source_advance(struct hm_source *s, struct hm_err *err) HM_MUST_CHECK;
/* Notes the LFS content that was just written, for the statement. */
int hm_source_add_lfs(struct hm_source *s, struct hm_err *err) HM_MUST_CHECK;
void hm_source_level_clear(struct hm_source *s, struct hm_source_level *l);
