/*
 * One `git cat-file --batch`: ids go in ahead of time, objects come out in the
 * same order. Never more ids are outstanding than its input can hold, so
 * that asking never blocks while it waits for us to read.
 */
#pragma once

#include "lib/process.h"
#include "runner-hook/git_repo.h"

/* Bytes of content handed out at once; what one frame of the protocol takes. */
#define HM_GIT_CAT_CHUNK (256U << 10)

struct hm_git_cat {
	struct hm_process process;
	int to_fd, from_fd, stderr_fd;
	unsigned int room;		/* ids that may be outstanding */
	unsigned int outstanding;
	struct hm_buf questions;	/* asked, not yet written */
	uint8_t *data;			/* HM_GIT_CAT_CHUNK bytes */
	size_t pos, len;
};

void hm_git_cat_init(struct hm_git_cat *c);
int hm_git_cat_start(struct hm_git_cat *c, const struct hm_repo *r,
		     struct hm_err *err) HM_MUST_CHECK;
void hm_git_cat_stop(struct hm_git_cat *c);

static inline bool hm_git_cat_has_room(const struct hm_git_cat *c)
{
	return c->outstanding < c->room;
}
/* Queues a question; only when there is room. */
int hm_git_cat_ask(struct hm_git_cat *c, const struct hm_git_id *id,
		   struct hm_err *err) HM_MUST_CHECK;
/* Sends what is queued; before the next answer is read. Does not block. */
int hm_git_cat_flush(struct hm_git_cat *c, struct hm_err *err) HM_MUST_CHECK;
/*
 * The head of the next answer, which must be of the id and type asked for.
 * HM_E_POLICY when git does not have it.
 */
int hm_git_cat_head(struct hm_git_cat *c, const struct hm_git_id *id,
		    enum hm_git_type type, uint64_t *ret_size,
		    struct hm_err *err) HM_MUST_CHECK;
/* The next 1..max bytes of content; valid until the next call. */
int hm_git_cat_data(struct hm_git_cat *c, uint64_t max,
		    struct hm_slice *ret_chunk, struct hm_err *err) HM_MUST_CHECK;
/* After the last byte of content. */
int hm_git_cat_end(struct hm_git_cat *c, struct hm_err *err) HM_MUST_CHECK;
