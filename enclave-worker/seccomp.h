/*
 * Our seccomp list, in the form of config.json's "linux.seccomp": what a build
 * needs is allowed, everything else is ENOSYS.
 */
#pragma once

#include "lib/json.h"

/* NULL when out of memory; hm_json_set() takes that. */
struct hm_json *hm_seccomp_new(void);
