/*
 * The session's side of the build's network. Starts the interceptor (a process
 * of its own, unprivileged, see interceptor/interceptor.h) with the wiring of
 * netns.h before any untrusted code runs, hands it the lanes that the host
 * opens, collects what it reports, and writes network.json when the sandbox is
 * dead. Trusts the interceptor with nothing but the record itself: what it says
 * is size-capped and parsed strictly.
 */
#pragma once

#include <sys/types.h>

#include "lib/buildspec.h"
#include "lib/io.h"
#include "lib/json.h"

/* Upstream roots when the spec names none: Debian's place, in our images too. */
#define HM_NETWORK_CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
/* Nobody's in our images and in Debian; not the build's 1000. */
#define HM_NETWORK_UID 993
/*
 * network.json at most: 20,000 exchanges of 800 bytes, several times what the
 * largest npm tree asks for.
 */
#define HM_NETWORK_JSON_MAX (16U << 20)

struct hm_network;
struct hm_conn_limits;	/* interceptor/conn.h */

struct hm_network_spec {
	enum hm_network_mode mode;
	const char *state_dir;	/* absolute, ours alone; files are made in it */
	/*
	 * Who the interceptor becomes. 0 = HM_NETWORK_UID where our user
	 * namespace has it, else the id we have; it loses all capabilities
	 * either way.
	 */
	uid_t uid;
	gid_t gid;
	const char *ca_bundle;	/* PEM; NULL = HM_NETWORK_CA_BUNDLE */
	struct hm_slice lock;	/* locked: bytes of the record to replay */
	const char *store_dir;	/* bodies by digest; NULL = not kept */
	const struct hm_conn_limits *limits;	/* NULL = HM_CONN_LIMITS */
};

/*
 * mode none starts nothing: every getter below says NULL or -1, and the record
 * is empty and complete. spec's strings are copied.
 */
int hm_network_start(const struct hm_network_spec *spec,
		     struct hm_network **ret_net, struct hm_err *err) HM_MUST_CHECK;

/* For struct hm_sandbox_spec; live until hm_network_free(). */
const char *hm_network_netns_path(const struct hm_network *net);
const char *hm_network_ca_dir(const struct hm_network *net);
const char *hm_network_resolv_conf(const struct hm_network *net);
/* "K=V" ..., NULL-ended: how programs with own trust stores find our CA. */
const char *const *hm_network_env(const struct hm_network *net);

/*
 * A connection whose HM_F_LANE frame has been read. Takes fd, also on failure.
 * In mode none, and when the interceptor is gone, fd is closed and all is well:
 * the host sees its lane end.
 */
int hm_network_give_lane(struct hm_network *net, int fd,
			 struct hm_err *err) HM_MUST_CHECK;

/* Readable when hm_network_handle() has something to do; -1 = never. */
int hm_network_pollfd(const struct hm_network *net);
/*
 * Takes in what the interceptor reports, without waiting. notice (may be NULL)
 * gets one line for the user each: refused attempts, above all. The line is
 * text from outside: escape before printing.
 */
typedef void hm_network_notice_fn(void *ctx, struct hm_slice line);
int hm_network_handle(struct hm_network *net, hm_network_notice_fn *notice,
		      void *ctx, struct hm_err *err) HM_MUST_CHECK;

struct hm_network_facts {
	bool recorded;	/* false: bytes were relayed without being read */
	bool complete;	/* nothing passed that the record does not show */
	/* Array of in-toto ResourceDescriptors, owned; NULL never. */
	struct hm_json *downloads;
};
/*
 * Only when the sandbox is dead. Ends the interceptor, appends network.json
 * (schema/network.md) and fills the facts. An interceptor that died early is
 * not an error: the record then says complete:false and why.
 */
int hm_network_finish(struct hm_network *net, hm_deadline_t deadline,
		      struct hm_buf *network_json,
		      struct hm_network_facts *ret_facts,
		      struct hm_err *err) HM_MUST_CHECK;
/* Ends what still runs and removes what start made. NULL is ok. */
void hm_network_free(struct hm_network *net);
