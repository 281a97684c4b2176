/*
 * The probe's ELF file, as data of the worker: what is measured is what runs.
 */
#include "enclave-worker/selftest.h"

__asm__(".section .rodata\n"
	".globl hm_probe_begin\n"
	".globl hm_probe_end\n"
	"hm_probe_begin:\n"
	".incbin \"" HM_PROBE_FILE "\"\n"
	"hm_probe_end:\n"
	".previous\n");
extern const uint8_t hm_probe_begin[], hm_probe_end[];

struct hm_slice hm_selftest_probe(void)
{
	return hm_slice(hm_probe_begin, (size_t)(hm_probe_end - hm_probe_begin));
}
