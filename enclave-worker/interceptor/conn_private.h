/* What conn.c and conn_exchange.c share; nobody else includes this. */
#pragma once

#include "enclave-worker/interceptor/conn.h"
#include "enclave-worker/interceptor/exchange.h"
#include "enclave-worker/interceptor/message.h"
#include "enclave-worker/interceptor/stream.h"

/* A rewritten head: what came in, a Host line, and little more. */
#define HM_CONN_HEAD_MAX (HM_HTTP_HEAD_MAX + 8192)

/* A client that says nothing; pools keep connections for minutes. */
#define HM_CONN_IDLE_MS 600000
#define HM_CONN_HANDSHAKE_MS 30000
/* The host gives a server 20 s; this is for a host that does not answer. */
#define HM_CONN_DIAL_MS 45000
/* For the client to read our last answer; then for it to end. */
#define HM_CONN_CLOSING_MS 30000
#define HM_CONN_DRAIN_MS 2000

enum conn_state {
	CONN_CLIENT_HANDSHAKE,
	CONN_REQUEST,		/* waiting for a request's head */
	CONN_DIAL,
	CONN_SERVER_HANDSHAKE,
	CONN_EXCHANGE,
	CONN_CLOSING,		/* the last answer goes out */
};

enum conn_step {
	CONN_WAIT,	/* nothing to do until something happens */
	CONN_MOVED,	/* call again */
	CONN_ENDED,	/* the object is gone */
};

struct hm_conn {
	struct hm_conn_env *env;
	LIST_ENTRY(hm_conn) all;
	enum conn_state state;
	struct hm_stream client, server;
	struct hm_dial dial;
	struct hm_http_parser *requests, *answers;
	struct hm_tls_client hello;
	struct hm_origin meant;	/* what the connection was made for */
	bool literal;		/* made for an address that no name has */

	/* The exchange under way. */
	struct hm_exchange x;
	struct hm_origin origin;	/* where it goes */
	struct hm_origin connected;	/* where `server` leads */
	struct hm_tls_peer peer;	/* who that is, when TLS */
	struct hm_buf head;		/* the request's, as it is sent on */
	bool has_body;			/* the request */
	bool expects_continue;
	bool reused, retried;		/* server connection */
	bool request_done;
	bool answer_begun;		/* its head went to the client */
	bool answer_done;
	bool informational;		/* a 1xx passes by */
	bool client_keeps, server_keeps;
	bool peer_ends_body;		/* its end is the connection's */
	enum hm_http_framing request_framing, answer_framing;
	uint64_t window_bytes;		/* x.size when the window began */
	uint64_t window_sent;
	uint64_t answer_from;		/* server.bytes_in before the answer */
	bool window_blocked;		/* the client was slow, not the server */
	bool draining;			/* CLOSING: our side is shut */
};

void hm_conn_set_state(struct hm_conn *c, enum conn_state state,
		       int64_t timeout_ms);
/* Everything is released; what is under way is reported with error. */
enum conn_step hm_conn_end(struct hm_conn *c, const char *error);
/* An answer of our own, then the connection closes. Reports the refusal. */
enum conn_step hm_conn_refuse(struct hm_conn *c, unsigned int status,
			      const char *why);
/* The exchange under way went wrong. */
enum conn_step hm_conn_fail(struct hm_conn *c, const char *why);

/* conn_exchange.c */
int hm_conn_parsers(struct hm_conn *c, struct hm_err *err) HM_MUST_CHECK;
enum conn_step hm_conn_read_request(struct hm_conn *c);
enum conn_step hm_conn_send_request(struct hm_conn *c);
enum conn_step hm_conn_exchange(struct hm_conn *c);
enum conn_step hm_conn_exchange_late(struct hm_conn *c);
