/*
 * sandbox_run without the seccomp list: the self-test must refuse. The linker
 * takes this definition before the library's, so no build has a switch for it.
 */
#include "enclave-worker/seccomp.h"

#include "test/tools/sandbox_run.c"

struct hm_json *hm_seccomp_new(void)
{
	struct hm_json *s = hm_json_new_object();
	struct hm_json *arches = hm_json_new_array();

	/* All that the machine has: a list without 32-bit x86 would kill it. */
	(void)hm_json_append(arches, hm_json_new_str("SCMP_ARCH_X86_64"));
	(void)hm_json_append(arches, hm_json_new_str("SCMP_ARCH_X86"));
	(void)hm_json_append(arches, hm_json_new_str("SCMP_ARCH_X32"));
	(void)hm_json_set(s, "architectures", arches);
	(void)hm_json_set(s, "defaultAction", hm_json_new_str("SCMP_ACT_ALLOW"));
	return s;
}
