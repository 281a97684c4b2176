/*
 * Helpers that a runtime leaves running beside the container (runsc: its file
 * server). They become our children; nobody else waits for them.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* runsc leaves one, others none. */
#define HM_STRAYS_MAX 8
/* Children of ours at one time: a runtime, the interceptor, the init, strays. */
#define HM_CHILDREN_MAX 64

struct hm_children {
	pid_t pids[HM_CHILDREN_MAX];
	size_t count;
};

struct hm_strays {
	pid_t pids[HM_STRAYS_MAX];
	size_t count;
};

/* Our children now, adopted ones too; none where the kernel does not tell. */
void hm_children_list(struct hm_children *ret_c);
/*
 * pid and all that descends from it. A runtime with a kernel of its own has the
 * build's memory in processes that it makes before there is a build.
 */
void hm_children_below(pid_t pid, struct hm_children *ret_c);
/* Those that came since `before`, but for the container's init. */
void hm_strays_note(struct hm_strays *ret_s, const struct hm_children *before, pid_t init);
/* Kills and collects them. Only when what they serve is dead. */
void hm_strays_end(struct hm_strays *s);
