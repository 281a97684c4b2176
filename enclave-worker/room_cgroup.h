/*
 * The cgroups of a room: which are ours to divide, our own leaf, and the
 * cgroup2 that runtimes insist on seeing at /sys/fs/cgroup.
 */
#pragma once

#include "enclave-worker/room.h"

/* While the host's mounts are in sight. Having none is not an error. */
void hm_room_cgroup_find(struct hm_room *r);
/*
 * A cgroup2 whose root is our group (local: through a cgroup namespace), not
 * attached yet.
 */
int hm_room_cgroup_mount(struct hm_room *r, int *ret_mount, struct hm_err *err) HM_MUST_CHECK;
/*
 * After it is attached at /sys/fs/cgroup: moves us to a leaf, so that the
 * controllers can be given to the sandbox beside it.
 */
int hm_room_cgroup_divide(struct hm_room *r, struct hm_err *err) HM_MUST_CHECK;
