/*
 * Theory of operation. A connection is one state machine over two streams. The
 * server is reached only when a request's head is complete, so that a name or a
 * byte leaves the enclave only in something that the record shows. Each call
 * does all that can be done without waiting; every state has a deadline.
 *
 * Should: answer every refusal with a sentence and report it. Mustn't: pass a
 * byte that was not parsed, wait, or trust one end about the other.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "enclave-worker/interceptor/conn_private.h"
#include "lib/log.h"

/* Steps per call before other connections have their turn. */
#define STEPS_MAX 32

void hm_conn_set_state(struct hm_conn *c, enum conn_state state,
		       int64_t timeout_ms)
{
	c->state = state;
	c->client.watch.deadline = hm_deadline_in(timeout_ms);
}

enum conn_step hm_conn_end(struct hm_conn *c, const char *error)
{
	if (c->x.open)
		hm_exchange_report(&c->x, c->env->report, c->env->epoch_ms,
				   error ? error : "the connection ended");
	hm_dial_cancel(&c->dial, c->env->lanes);
	hm_stream_close(&c->client);
	hm_stream_close(&c->server);
	hm_http_parser_free(c->requests);
	hm_http_parser_free(c->answers);
	hm_buf_release(&c->head);
	LIST_REMOVE(c, all);
	c->env->open--;
	free(c);
	return CONN_ENDED;
}

static const char *reason_phrase(unsigned int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 405:
		return "Method Not Allowed";
	case 414:
		return "URI Too Long";
	case 417:
		return "Expectation Failed";
	case 421:
		return "Misdirected Request";
	case 501:
		return "Not Implemented";
	case 504:
		return "Gateway Timeout";
	default:
		return "Bad Gateway";
	}
}

/* The sentence as the whole answer, for people who read a tool's error text. */
static enum conn_step answer(struct hm_conn *c, unsigned int status,
			     const char *why)
{
	struct hm_err err;

	if (hm_buf_addf(&c->client.out, &err,
			"HTTP/1.1 %u %s\r\nContent-Type: text/plain; "
			"charset=utf-8\r\nContent-Length: %zu\r\nConnection: "
			"close\r\n\r\nhallmark: %s\n",
			status, reason_phrase(status), strlen(why) + 11,
			why) != HM_OK)
		return hm_conn_end(c, err.msg);
	hm_dial_cancel(&c->dial, c->env->lanes);
	hm_stream_close(&c->server);
	hm_conn_set_state(c, CONN_CLOSING, HM_CONN_CLOSING_MS);
	return CONN_MOVED;
}

/* "https://host:port" of what the connection was made for. */
static void origin_text(const struct hm_conn *c, char *out, size_t size)
{
	snprintf(out, size, "%s://%s", c->meant.tls ? "https" : "http",
		 c->meant.host);
}

enum conn_step hm_conn_refuse(struct hm_conn *c, unsigned int status,
			      const char *why)
{
	char target[HM_DNS_NAME_MAX + 16];
	char text[HM_ERR_MSG_MAX];
	const char *url = target;
	struct hm_err err;

	(void)hm_escape(hm_slice_str(why), text, sizeof(text));
	origin_text(c, target, sizeof(target));
	if (c->x.open && hm_buf_cstr(&c->x.url, &url, &err) != HM_OK)
		url = target;
	hm_refused_report(c->env->report, "http", url, text, 1);
	hm_exchange_release(&c->x);
	hm_report_notice(c->env->report, "%s: %s", target, text);
	return answer(c, status, text);
}

enum conn_step hm_conn_fail(struct hm_conn *c, const char *why)
{
	const struct linger hard = {.l_onoff = 1};
	char text[HM_ERR_MSG_MAX];

	(void)hm_escape(hm_slice_str(why), text, sizeof(text));
	hm_report_notice(c->env->report, "%s: %s", c->origin.host, text);
	hm_exchange_report(&c->x, c->env->report, c->env->epoch_ms, text);
	if (!c->answer_begun)
		return answer(c, 502, text);
	/* A reset, not an end: the client must not take this for a whole body. */
	(void)setsockopt(c->client.watch.fd, SOL_SOCKET, SO_LINGER, &hard,
			 sizeof(hard));
	return hm_conn_end(c, NULL);
}

static void report_handshake(struct hm_conn *c)
{
	char target[HM_DNS_NAME_MAX + 16];
	char why[HM_ERR_MSG_MAX];

	if (c->hello.no_http11)
		snprintf(why, sizeof(why),
			 "the client offers HTTP/2 or another protocol only; "
			 "HTTP/1.1 is what can be recorded");
	else if (c->hello.bad_name)
		snprintf(why, sizeof(why), "a TLS server name that is no name");
	else
		snprintf(why, sizeof(why),
			 "the TLS handshake failed (%s); a client with roots of "
			 "its own, or pinned ones, can't be recorded",
			 c->client.why);
	snprintf(c->meant.host, sizeof(c->meant.host), "%s", c->hello.name);
	origin_text(c, target, sizeof(target));
	hm_refused_report(c->env->report, "tls", target, why, 1);
	hm_report_notice(c->env->report, "%s: %s", target, why);
}

static enum conn_step client_handshake(struct hm_conn *c)
{
	switch (hm_stream_handshake(&c->client)) {
	case HM_TLS_DONE:
		/* The name that the client checks is the name that we reach. */
		if (strcmp(c->meant.host, c->hello.name) != 0)
			c->literal = false;
		snprintf(c->meant.host, sizeof(c->meant.host), "%s",
			 c->hello.name);
		hm_conn_set_state(c, CONN_REQUEST, HM_CONN_IDLE_MS);
		return CONN_MOVED;
	case HM_TLS_WAIT:
		return CONN_WAIT;
	case HM_TLS_EOF:
	case HM_TLS_LOST:
	default:
		report_handshake(c);
		return hm_conn_end(c, NULL);
	}
}

static void conn_ready(struct hm_watch *w);

static enum conn_step dial(struct hm_conn *c)
{
	struct hm_err err;

	if (c->dial.state == HM_DIAL_FAILED)
		return hm_conn_refuse(c, 502, c->dial.why);
	if (c->dial.state != HM_DIAL_DONE)
		return CONN_WAIT;
	if (hm_stream_open(&c->server, c->env->loop, hm_dial_take(&c->dial),
			   conn_ready, c, &err) != HM_OK)
		return hm_conn_refuse(c, 502, err.msg);
	c->connected = c->origin;
	if (!c->origin.tls)
		return hm_conn_send_request(c);
	if (hm_tls_connect(c->env->tls, c->server.watch.fd, c->origin.host,
			   &c->server.ssl, &err) != HM_OK)
		return hm_conn_refuse(c, 502, err.msg);
	hm_conn_set_state(c, CONN_SERVER_HANDSHAKE, HM_CONN_HANDSHAKE_MS);
	return CONN_MOVED;
}

static enum conn_step server_handshake(struct hm_conn *c)
{
	char why[HM_ERR_MSG_MAX];
	struct hm_err err;

	switch (hm_stream_handshake(&c->server)) {
	case HM_TLS_DONE:
		if (hm_tls_peer(c->server.ssl, &c->peer, &err) != HM_OK)
			return hm_conn_refuse(c, 502, err.msg);
		return hm_conn_send_request(c);
	case HM_TLS_WAIT:
		return CONN_WAIT;
	case HM_TLS_EOF:
	case HM_TLS_LOST:
	default:
		snprintf(why, sizeof(why), "no TLS with the server: %s",
			 c->server.why);
		return hm_conn_refuse(c, 502, why);
	}
}

/*
 * Closing with unread input makes the kernel send a reset, which can destroy
 * the answer on its way: so shut, then read what still comes, for a while.
 */
static enum conn_step closing(struct hm_conn *c)
{
	bool moved = hm_stream_flush(&c->client);

	if (c->client.failed)
		return hm_conn_end(c, NULL);
	if (c->client.out.len > 0)
		return moved ? CONN_MOVED : CONN_WAIT;
	if (!c->draining) {
		c->draining = true;
		hm_stream_shut(&c->client);
		hm_conn_set_state(c, CONN_CLOSING, HM_CONN_DRAIN_MS);
	}
	moved = hm_stream_fill(&c->client);
	hm_buf_consume(&c->client.in, c->client.in.len);
	if (c->client.eof)
		return hm_conn_end(c, NULL);
	return moved ? CONN_MOVED : CONN_WAIT;
}

static enum conn_step late(struct hm_conn *c)
{
	switch (c->state) {
	case CONN_DIAL:
		return hm_conn_refuse(c, 504,
				      c->dial.state == HM_DIAL_QUEUED
					      ? "the host opens no lane"
					      : "the host did not connect in "
						"time");
	case CONN_SERVER_HANDSHAKE:
		return hm_conn_refuse(c, 504,
				      "the server did not finish its TLS "
				      "handshake in 30 seconds");
	case CONN_EXCHANGE:
		return hm_conn_exchange_late(c);
	case CONN_CLIENT_HANDSHAKE:
	case CONN_REQUEST:
	case CONN_CLOSING:
	default:
		return hm_conn_end(c, NULL);
	}
}

static enum conn_step step(struct hm_conn *c)
{
	if (c->client.watch.deadline <= hm_now_ms())
		return late(c);
	switch (c->state) {
	case CONN_CLIENT_HANDSHAKE:
		return client_handshake(c);
	case CONN_REQUEST:
		return hm_conn_read_request(c);
	case CONN_DIAL:
		return dial(c);
	case CONN_SERVER_HANDSHAKE:
		return server_handshake(c);
	case CONN_EXCHANGE:
		return hm_conn_exchange(c);
	case CONN_CLOSING:
	default:
		return closing(c);
	}
}

static void conn_ready(struct hm_watch *w)
{
	struct hm_conn *c = w->ctx;
	enum conn_step r = CONN_MOVED;

	for (int i = 0; i < STEPS_MAX && r == CONN_MOVED; i++)
		r = step(c);
	if (r == CONN_MOVED)
		hm_loop_again(&c->client.watch);
}

/* What the client meant: the name behind a synthetic address, or the address. */
static bool find_meant(struct hm_conn *c, int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	const char *name;
	char text[INET_ADDRSTRLEN];

	if (getsockname(fd, (struct sockaddr *)&sin, &len) < 0 ||
	    sin.sin_family != AF_INET)
		return false;
	c->meant.port = ntohs(sin.sin_port);
	c->meant.tls = c->meant.port == 443;
	name = hm_names_by_address(c->env->names, ntohl(sin.sin_addr.s_addr));
	c->literal = name == NULL;
	if (!name)
		name = inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text));
	if (!name)
		return false;
	snprintf(c->meant.host, sizeof(c->meant.host), "%s", name);
	snprintf(c->hello.name, sizeof(c->hello.name), "%s", name);
	return true;
}

void hm_conn_start(struct hm_conn_env *env, int fd)
{
	struct hm_conn *c = calloc(1, sizeof(*c));
	struct hm_err err;
	int on = 1;

	if (!c) {
		(void)close(fd);
		return;
	}
	/* We write whole records: waiting for more to send costs 40 ms. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->env = env;
	c->client.watch.fd = -1;
	c->server.watch.fd = -1;
	hm_buf_init(&c->head, HM_CONN_HEAD_MAX);
	LIST_INSERT_HEAD(&env->all, c, all);
	env->open++;
	if (!find_meant(c, fd)) {
		(void)close(fd);
		(void)hm_conn_end(c, NULL);
		return;
	}
	if (hm_stream_open(&c->client, env->loop, fd, conn_ready, c, &err) !=
		    HM_OK ||
	    hm_conn_parsers(c, &err) != HM_OK ||
	    (c->meant.tls && hm_tls_accept(env->tls, fd, &c->hello,
					   &c->client.ssl, &err) != HM_OK)) {
		(void)hm_conn_end(c, NULL);
		return;
	}
	if (c->meant.tls)
		hm_conn_set_state(c, CONN_CLIENT_HANDSHAKE, HM_CONN_HANDSHAKE_MS);
	else
		hm_conn_set_state(c, CONN_REQUEST, HM_CONN_IDLE_MS);
}

void hm_conn_end_all(struct hm_conn_env *env)
{
	while (!LIST_EMPTY(&env->all))
		(void)hm_conn_end(LIST_FIRST(&env->all),
				  "the build ended before the exchange did");
}
