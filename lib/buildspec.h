/*
 * build.json (schema/build.schema.json): what the project owner asks for. Read
 * twice: by the host to choose an image, and by the worker from the verified
 * tree, which is the one that counts. Pure: text in, struct out.
 */
#pragma once

#include "lib/json.h"

#define HM_BUILDSPEC_MAX 65536	/* bytes; the file is written by hand */
#define HM_BUILDSPEC_FILES 1024
#define HM_BUILDSPEC_ENV 256
/* One day: a hung build must end some time. */
#define HM_TIMEOUT_MINUTES_MAX 1440
/* No compiler starts in less; no enclave instance has more than 1 TiB. */
#define HM_MEMORY_MIB_MIN 64
#define HM_MEMORY_MIB_MAX 1048576
#define HM_CPUS_MAX 256

enum hm_network_mode {
	HM_NET_NONE,
	HM_NET_RECORD,	/* default */
	HM_NET_LOCKED,
};
const char *hm_network_mode_name(enum hm_network_mode mode);

struct hm_buildspec {	/* strings live as long as root */
	struct hm_json *root;
	const char *language;
	const char *version;	/* NULL = newest image */
	const char *cmd;
	const char *vendor;	/* NULL = none */
	const char *dir;	/* relative, checked; NULL = root */
	enum hm_network_mode network;
	uint32_t timeout_minutes;	/* 0 = default */
	uint32_t memory_mib;		/* 0 = default */
	uint32_t cpus;			/* 0 = default */
	size_t env_count;
	const char *env_name[HM_BUILDSPEC_ENV];
	const char *env_value[HM_BUILDSPEC_ENV];
	size_t file_count;
	const char *files[HM_BUILDSPEC_FILES];	/* checked paths or globs */
};
void hm_buildspec_init(struct hm_buildspec *s);
void hm_buildspec_release(struct hm_buildspec *s);
#define AUTO_BUILDSPEC HM_CLEANUP(hm_buildspec_release)

/*
 * HM_E_FORMAT; the message is "KEY: problem; what to do" and *ret_line (may be
 * NULL) the line from 1, so that callers print "build.json:3: input.cmd: ...".
 * HM_E_TOO_LARGE over HM_BUILDSPEC_MAX; *ret_line is 0 then and on success.
 */
int hm_buildspec_parse(struct hm_slice text, struct hm_buildspec *ret_s,
		       unsigned int *ret_line, struct hm_err *err) HM_MUST_CHECK;
