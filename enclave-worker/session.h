/*
 * One build: the worker's state machine from the first frame to power-off, in
 * the order of the eleven steps (README). One client, one build, then the end.
 */
#pragma once

#include "artifacts.h"
#include "attester.h"
#include "build_log.h"
#include "link.h"
#include "network.h"
#include "pack.h"
#include "port.h"
#include "room.h"
#include "sandbox.h"
#include "source.h"

/* What this enclave is. Measured with the image; for "local", the host itself. */
struct hm_image {
	const char *name;	/* "c", "rust", ...; "host" without an image */
	const char *version;	/* "" without an image */
	const char *language;	/* NULL = any: the host has what it has */
	const char *attester;	/* "dev" or "nsm" */
	const char *rootfs;	/* toolchain layer; NULL = host's directories */
	bool has_layer;
	uint8_t layer_sha256[HM_SHA256_LEN];
};

struct hm_session {
	struct hm_port *port;		/* borrowed */
	const struct hm_image *image;	/* borrowed */
	struct hm_room *room;		/* borrowed */

	int control_fd;
	struct hm_link link;
	const char *step;		/* named in a failure */
	unsigned int exit_status;	/* of a build command that failed */

	struct hm_msg_config config;
	struct hm_git_id commit;
	struct hm_attester *attester;
	int root_fd;			/* the source root: scratch/build */
	struct hm_source *source;
	struct hm_buf spec_text;
	struct hm_buildspec spec;
	enum hm_network_mode network_mode;
	struct hm_network *network;
	struct hm_network_facts network_facts;
	struct hm_buf network_json;
	struct hm_sandbox *sandbox;
	hm_deadline_t build_deadline;
	int log_fd;
	struct hm_build_log *log;
	struct hm_artifacts artifacts;
	struct hm_build_facts facts;
	char *runtime_version;
	char limits_by[16];
	char cpu_model[128];
	char kernel_release[128];
	struct hm_pack pack;
};

/*
 * Serves the one client. On failure the host has been told why, if it was still
 * there. The caller powers off either way.
 */
int hm_session_serve(struct hm_port *port, const struct hm_image *image,
		     struct hm_room *room, struct hm_err *err) HM_MUST_CHECK;

/* run.c: one command in the sandbox, with everything that goes on beside it. */
int hm_session_run(struct hm_session *s, const char *cmd, bool offline,
		   struct hm_err *err) HM_MUST_CHECK;
/* facts.c: what the statement says of this build, gathered from the session. */
int hm_session_facts(struct hm_session *s, struct hm_err *err) HM_MUST_CHECK;
/* Times a phase: call with the monotonic time at which it began. */
void hm_session_phase(struct hm_session *s, const char *name, int64_t since_ms);
