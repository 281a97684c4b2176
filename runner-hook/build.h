/*
 * `runner-hook build`: the eleven steps of an attested build, as far as they
 * are the host's (1 to 4, 8, 9), in their order.
 */
#pragma once

#include "runner-hook/config.h"

/*
 * HM_E_BUILD: the build command failed (its own status in *ret_status, which
 * may be NULL). HM_E_CANCELLED after SIGINT or SIGTERM. Whatever fails, no
 * partial tar, no process, no enclave stays.
 */
int hm_build(const struct hm_host_config *config, unsigned int *ret_status,
	     struct hm_err *err) HM_MUST_CHECK;
