/*
 * Copies both ways with half-closes kept, each direction with a capped buffer,
 * so that a slow end slows the other and nothing piles up.
 */
#include "enclave-worker/interceptor/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

/* The host gives a server 20 s; this is for a host that does not answer. */
#define DIAL_MS 45000
/* Nothing at all passes for this long: one end is gone without saying so. */
#define IDLE_MS 600000
/* Copies per call before others have their turn. */
#define TURNS 16

struct hm_relay {
	struct hm_relay_env *env;
	struct hm_stream client, server;
	struct hm_dial dial;
	char host[HM_DNS_NAME_MAX + 1];
	uint16_t port;
	LIST_ENTRY(hm_relay) all;
};

static void relay_end(struct hm_relay *c, const char *why)
{
	struct hm_json *v = hm_json_new_object();

	hm_json_set(v, "host", hm_json_new_str(c->host));
	hm_json_set(v, "port", hm_json_new_integer(c->port));
	hm_json_set(v, "sent", hm_json_new_integer(
				       (int64_t)c->server.bytes_out));
	hm_json_set(v, "received",
		    hm_json_new_integer((int64_t)c->server.bytes_in));
	if (why) {
		hm_json_set(v, "error", hm_json_new_str(why));
		hm_report_notice(c->env->report, "%s port %u: %s", c->host,
				 c->port, why);
	}
	hm_report_json(c->env->report, HM_REPORT_CONNECTION, v);
	hm_dial_cancel(&c->dial, c->env->lanes);
	hm_stream_close(&c->client);
	if (hm_stream_is_open(&c->server))
		hm_stream_close(&c->server);
	LIST_REMOVE(c, all);
	c->env->open--;
	free(c);
}

/* One direction; true when something moved. */
static bool copy(struct hm_stream *from, struct hm_stream *to)
{
	struct hm_err err;
	bool moved = hm_stream_flush(to);

	if (to->out.len < HM_STREAM_BUF)
		moved |= hm_stream_fill(from);
	if (from->in.len > 0 && to->out.len < HM_STREAM_BUF &&
	    hm_buf_add_slice(&to->out, hm_buf_slice(&from->in), &err) == HM_OK) {
		hm_buf_consume(&from->in, from->in.len);
		moved = true;
	}
	moved |= hm_stream_flush(to);
	if (from->eof && from->in.len == 0 && to->out.len == 0 && !to->shut) {
		hm_stream_shut(to);
		moved = true;
	}
	return moved;
}

static void relay_ready(struct hm_watch *w)
{
	struct hm_relay *c = w->ctx;
	struct hm_err err;

	if (c->dial.state == HM_DIAL_FAILED) {
		relay_end(c, c->dial.why);
		return;
	}
	if (c->client.watch.deadline <= hm_now_ms()) {
		relay_end(c, hm_stream_is_open(&c->server)
				     ? "nothing passed for too long"
				     : "the host did not connect in time");
		return;
	}
	if (c->dial.state == HM_DIAL_DONE &&
	    hm_stream_open(&c->server, c->env->loop, hm_dial_take(&c->dial),
			   relay_ready, c, &err) != HM_OK) {
		relay_end(c, err.msg);
		return;
	}
	if (!hm_stream_is_open(&c->server))
		return;
	c->client.watch.deadline = hm_deadline_in(IDLE_MS);
	for (int i = 0; i < TURNS; i++) {
		bool moved = copy(&c->client, &c->server);

		moved |= copy(&c->server, &c->client);
		if (c->client.failed || c->server.failed ||
		    (c->client.shut && c->server.shut)) {
			relay_end(c, c->server.failed ? c->server.why : NULL);
			return;
		}
		if (!moved)
			return;
	}
	hm_loop_again(&c->client.watch);
}

/* What the client meant: the name behind a synthetic address, or the address. */
static bool relay_target(struct hm_relay *c, int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	const char *name;
	char text[INET_ADDRSTRLEN];

	if (getsockname(fd, (struct sockaddr *)&sin, &len) < 0 ||
	    sin.sin_family != AF_INET)
		return false;
	c->port = ntohs(sin.sin_port);
	name = hm_names_by_address(c->env->names, ntohl(sin.sin_addr.s_addr));
	if (!name)
		name = inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text));
	if (!name)
		return false;
	snprintf(c->host, sizeof(c->host), "%s", name);
	return true;
}

void hm_relay_start(struct hm_relay_env *env, int fd)
{
	struct hm_relay *c = calloc(1, sizeof(*c));
	struct hm_err err;

	if (!c) {
		(void)close(fd);
		return;
	}
	c->env = env;
	c->server.watch.fd = -1;
	if (!relay_target(c, fd)) {
		(void)close(fd);
		free(c);
		return;
	}
	if (hm_stream_open(&c->client, env->loop, fd, relay_ready, c, &err) !=
	    HM_OK) {
		free(c);
		return;
	}
	env->open++;
	LIST_INSERT_HEAD(&env->all, c, all);
	c->client.watch.deadline = hm_deadline_in(DIAL_MS);
	hm_dial_start(&c->dial, env->lanes, c->host, c->port,
		      &c->client.watch);
}

void hm_relay_end_all(struct hm_relay_env *env)
{
	while (!LIST_EMPTY(&env->all))
		relay_end(LIST_FIRST(&env->all), NULL);
}
