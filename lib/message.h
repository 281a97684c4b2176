/*
 * The CBOR bodies of the control protocol (schema/wire.cddl). One table per
 * message names its fields in their one order; decoding takes exactly that:
 * every key present, in order, nothing else, deterministic encoding.
 */
#pragma once

#include "lib/cbor.h"

/* malloc'ed strings; NUL-terminated, valid text. */
struct hm_texts {
	char **items;
	size_t count;
};

struct hm_msg_hello {
	char *program;		/* "runner-hook 0.1.0" */
	uint64_t version_max;
	uint64_t version_min;
};

struct hm_msg_welcome {
	char *attester;		/* "dev", "nsm" */
	char *image_name;	/* "host" without an image */
	char *image_version;
	char *worker_version;
	uint64_t version;
};

struct hm_msg_config {
	char *backend;		/* "local", "qemu", "nitro" */
	char *commit;		/* hex */
	char *config_path;	/* "build.json" */
	uint64_t cpus;
	struct hm_buf dev_root_cert;	/* PEM; empty: no development attester */
	struct hm_buf dev_root_key;	/* PEM, secret */
	uint64_t disk_mib;
	char *invocation_id;
	char *limits_by;	/* who holds the room's limits; "" = ask sandbox */
	uint64_t memory_mib;
	char *network;		/* "" as build.json says, or "none" */
	struct hm_buf nonce;
	uint64_t pids_max;
	char *ref;
	char *repository;
	char *runtime;		/* "crun" */
	uint64_t started_ms;	/* host's wall clock when the build began */
	uint64_t start_ms;	/* how long step 2 took */
	uint64_t timeout_minutes;
	struct hm_texts toolchains;
};

struct hm_msg_progress {
	uint64_t done;
	char *step;
	uint64_t total;		/* 0 = not known */
	char *unit;		/* "bytes", "files" */
};

struct hm_msg_state {
	char *detail;		/* a line for people: digest, size, ... */
	uint64_t state;
};

struct hm_msg_done {
	struct hm_buf sha256;	/* of the tar, 32 bytes */
	uint64_t size;		/* of the tar */
};

struct hm_msg_failed {
	char *code;		/* hm_code_name() */
	uint64_t exit_status;	/* of the build command, when code is "build" */
	char *message;
	char *step;
};

enum hm_msg_kind {
	HM_MSG_HELLO,
	HM_MSG_WELCOME,
	HM_MSG_CONFIG,
	HM_MSG_PROGRESS,
	HM_MSG_STATE,
	HM_MSG_DONE,
	HM_MSG_FAILED,
	HM_MSG_COUNT,
};

/* msg points to the struct of that kind. NULL strings are sent as "". */
int hm_msg_encode(enum hm_msg_kind kind, const void *msg, struct hm_buf *b,
		  struct hm_err *err) HM_MUST_CHECK;
/* Fills a zeroed struct; on failure it is released again. HM_E_PROTOCOL. */
int hm_msg_decode(enum hm_msg_kind kind, struct hm_slice body, void *msg,
		  struct hm_err *err) HM_MUST_CHECK;
/* Frees what decode allocated (secrets wiped) and zeroes the struct. */
void hm_msg_release(enum hm_msg_kind kind, void *msg);
