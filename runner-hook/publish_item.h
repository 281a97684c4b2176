/*
 * One item of the publishing queue: a release's bundles on their way into one
 * log, as a file. Private to the publish_*.c files.
 */
#pragma once

#include "runner-hook/publish.h"

/* Provenance and evidence. */
#define HM_PUBLISH_BUNDLES 2
/* Two bundles of HM_BUNDLE_MAX in base64, and the few lines around them. */
#define HM_PUBLISH_ITEM_MAX (96U << 20)

struct hm_publish_item {
	char id[HM_PUBLISH_ID_LEN + 1];
	char *tar;		/* absolute */
	char *log;		/* absolute */
	bool public_evidence;
	int64_t queued_ms;	/* wall clock */
	int64_t next_ms;	/* not before this */
	uint64_t tries;
	struct hm_buf bundles[HM_PUBLISH_BUNDLES];	/* JSON as built */
	int lock_fd;		/* the item's file, locked; -1 = none */
};
void hm_publish_item_init(struct hm_publish_item *it);
void hm_publish_item_release(struct hm_publish_item *it);
#define AUTO_PUBLISH_ITEM HM_CLEANUP(hm_publish_item_release)

/* Names inside the tar, in the order of bundles[]. */
extern const char *const hm_publish_members[HM_PUBLISH_BUNDLES];

/* publish_queue.c: files of the queue directory (a descriptor of it). */
int hm_queue_open(const char *path, int *ret_dir, struct hm_err *err) HM_MUST_CHECK;
int hm_queue_save(int dir, const struct hm_publish_item *it,
		  struct hm_err *err) HM_MUST_CHECK;
/* *ret_busy: another process has it, or has just finished it. */
int hm_queue_load(int dir, const char *id, struct hm_publish_item *ret_it,
		  bool *ret_busy, struct hm_err *err) HM_MUST_CHECK;
int hm_queue_remove(int dir, const struct hm_publish_item *it,
		    struct hm_err *err) HM_MUST_CHECK;
/* Ids of what is queued, oldest first; the caller frees. */
int hm_queue_list(int dir, char (**ret_ids)[HM_PUBLISH_ID_LEN + 1],
		  size_t *ret_count, struct hm_err *err) HM_MUST_CHECK;

/* publish_tar.c: the bundles in a release tar. */
int hm_release_bundles(const char *tar, struct hm_buf *bundles,
		       struct hm_err *err) HM_MUST_CHECK;
/* Writes the tar again with these bundles in place of its own, atomically. */
int hm_release_replace(const char *tar, const struct hm_buf *bundles,
		       uint64_t *ret_size,
		       char ret_sha256[2 * HM_SHA256_LEN + 1],
		       struct hm_err *err) HM_MUST_CHECK;
