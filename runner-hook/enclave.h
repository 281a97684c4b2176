/*
 * Step 2: an enclave, whatever runs it. Three back ends with one interface:
 * local (a process), qemu (emulated Nitro machine), nitro (nitro-cli).
 */
#pragma once

#include "lib/io.h"

struct hm_enclave_spec {
	const char *worker_path;	/* local: the enclave-worker program */
	const char *eif_path;		/* qemu, nitro */
	uint32_t memory_mib;		/* of the whole enclave; 0 = default */
	uint32_t cpus;
	uint32_t pids_max;
	bool verbose;			/* console to our log */
};

struct hm_enclave;
struct hm_enclave_backend {
	const char *name;
	int (*start)(const struct hm_enclave_spec *spec, hm_deadline_t deadline,
		     struct hm_enclave **ret_e, struct hm_err *err);
	/* A new stream connection to the worker's port. */
	int (*connect)(struct hm_enclave *e, hm_deadline_t deadline, int *ret_fd,
		       struct hm_err *err);
	/* Readable when the console has bytes or the enclave died; -1 = none. */
	int (*console)(struct hm_enclave *e);
	/* Ends it, whatever state it is in, within 2 s, and frees e. NULL is ok. */
	void (*stop)(struct hm_enclave *e);
	/* Removes what dead hosts left behind (processes, cgroups, files). */
	int (*reap)(struct hm_err *err);
	/* NULL: the worker finds out by itself (hm_sandbox_limits()). */
	const char *limits_enforced_by;
};
extern const struct hm_enclave_backend hm_enclave_local;
