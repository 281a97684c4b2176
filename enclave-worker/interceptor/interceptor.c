/*
 * Start-up in the order that the header promises, then the loop. The session is
 * trusted; the sandbox, the host and every server are not.
 */
#include "enclave-worker/interceptor/interceptor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave-worker/interceptor/conn.h"
#include "enclave-worker/interceptor/guard.h"
#include "enclave-worker/interceptor/snoop.h"
#include "enclave-worker/netns.h"
#include "lib/num.h"

/* hm_process_start() puts the session's socket here. */
#define SESSION_FD 3

/* Packets or connections taken per call, before others have their turn. */
#define BURST 64

static const uint16_t served_ports[] = {80, 443};

struct interceptor {
	struct hm_loop loop;
	struct hm_report report;
	struct hm_lane_pool lanes;
	struct hm_names names;
	struct hm_conn_env conns;
	struct hm_ca *ca;
	struct hm_tls *tls;
	struct hm_snoop snoop;
	struct hm_watch session, dns, refused;
	struct hm_watch listeners[HM_ARRAY_LEN(served_ports)];
	uint64_t bad_queries;
};

static void send_summary(struct interceptor *i)
{
	struct hm_json *v = hm_json_new_object();

	hm_snoop_report(&i->snoop, &i->names, &i->report);
	for (size_t n = 0; n < i->names.count; n++) {
		const struct hm_name *e = &i->names.items[n];
		struct hm_json *name = hm_json_new_object();

		hm_json_set(name, "name", hm_json_new_str(e->text));
		hm_json_set(name, "asked",
			    hm_json_new_integer((int64_t)e->asked));
		hm_json_set(name, "answered", hm_json_new_bool(e->answered));
		hm_report_json(&i->report, HM_REPORT_NAME, name);
	}
	hm_json_set(v, "namesNotListed",
		    hm_json_new_integer((int64_t)i->names.overflow));
	hm_json_set(v, "badQueries",
		    hm_json_new_integer((int64_t)i->bad_queries));
	hm_json_set(v, "lost", hm_json_new_integer((int64_t)i->report.lost));
	hm_report_json(&i->report, HM_REPORT_SUMMARY, v);
}

static void session_ready(struct hm_watch *w)
{
	struct interceptor *i = w->ctx;
	struct hm_err err;
	uint8_t buf[16];
	size_t len = 0;
	int fd = -1;
	int rc;

	(void)hm_report_flush(&i->report);
	while ((rc = hm_report_receive(w->fd, buf, sizeof(buf), &len, &fd,
				       &err)) == 1) {
		if (buf[0] == HM_REPORT_LANE && fd >= 0) {
			hm_lane_pool_add(&i->lanes, fd);
			continue;
		}
		hm_cleanup_fd(&fd);
		if (buf[0] == HM_REPORT_FINISH) {
			hm_conn_end_all(&i->conns);
			send_summary(i);
			i->loop.stop = true;
		}
	}
	if (rc < 0)	/* no session, no build */
		i->loop.stop = true;
}

static void dns_ready(struct hm_watch *w)
{
	struct interceptor *i = w->ctx;
	uint8_t query[HM_DNS_PACKET_MAX], answer[HM_DNS_PACKET_MAX];

	for (int burst = 0; burst < BURST; burst++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		struct hm_err err;
		size_t len;
		ssize_t n = recvfrom(w->fd, query, sizeof(query), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return;	/* nothing there; errors of UDP pass */
		len = hm_names_serve(&i->names, hm_slice(query, (size_t)n),
				     answer, &err);
		if (len == 0)
			i->bad_queries++;
		else	/* a lost answer is asked for again */
			(void)sendto(w->fd, answer, len, MSG_DONTWAIT,
				     (struct sockaddr *)&from, from_len);
	}
	hm_loop_again(w);
}

static void refused_ready(struct hm_watch *w)
{
	struct interceptor *i = w->ctx;

	if (hm_snoop_read(&i->snoop, &i->names, &i->report))
		hm_loop_again(w);
}

static void listener_ready(struct hm_watch *w)
{
	struct interceptor *i = w->ctx;

	w->deadline = HM_NO_DEADLINE;
	for (int burst = 0; i->conns.open < HM_CONN_MAX; burst++) {
		int fd;

		if (burst == BURST) {
			hm_loop_again(w);
			return;
		}
		fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			hm_conn_start(&i->conns, fd);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	/* Full: look again when a connection may have ended. */
	w->deadline = hm_deadline_in(100);
}

static int add_watch(struct interceptor *i, struct hm_watch *w, int fd,
		     hm_watch_fn *ready, struct hm_err *err)
{
	*w = (struct hm_watch){.fd = fd, .ready = ready, .ctx = i};
	return hm_loop_add(&i->loop, w, err);
}

/* What the session says on our command line. */
struct arguments {
	const char *empty_dir;	/* becomes our root */
	const char *ca_dir;	/* to fill */
	const char *roots;
	uid_t uid;
	gid_t gid;
	struct hm_conn_limits limits;
};

static int make_ca(struct interceptor *i, const struct arguments *a,
		   struct hm_err *err)
{
	AUTO_CLOSE int dir = open(a->ca_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'", a->ca_dir);
	if (hm_ca_new(&i->ca, err) != HM_OK ||
	    hm_ca_write_dir(i->ca, dir, err) != HM_OK)
		return err->code;
	return hm_tls_new(i->ca, a->roots, &i->tls, err);
}

/* Everything that needs privileges. */
static int set_up(struct interceptor *i, const struct arguments *a,
		  int *ret_build_fd, struct hm_err *err)
{
	int fd = -1;

	if (make_ca(i, a, err) != HM_OK ||
	    hm_netns_wire(ret_build_fd, err) != HM_OK ||
	    hm_loop_init(&i->loop, err) != HM_OK ||
	    hm_lane_pool_init(&i->lanes, &i->loop, err) != HM_OK ||
	    hm_names_init(&i->names, err) != HM_OK)
		return err->code;
	for (size_t n = 0; n < HM_ARRAY_LEN(served_ports); n++)
		if (hm_netns_listen_tcp(served_ports[n], &fd, err) != HM_OK ||
		    add_watch(i, &i->listeners[n], fd, listener_ready, err) !=
			    HM_OK)
			return err->code;
	if (hm_netns_listen_udp(53, &fd, err) != HM_OK ||
	    add_watch(i, &i->dns, fd, dns_ready, err) != HM_OK)
		return err->code;
	if (hm_snoop_init(&i->snoop, err) != HM_OK ||
	    add_watch(i, &i->refused, i->snoop.fd, refused_ready, err) != HM_OK)
		return err->code;
	return add_watch(i, &i->session, SESSION_FD, session_ready, err);
}

static int run(struct interceptor *i, const struct arguments *a,
	       struct hm_err *err)
{
	AUTO_CLOSE int build_fd = -1;

	if (set_up(i, a, &build_fd, err) != HM_OK)
		return hm_err_prefix(err, "network");
	i->conns = (struct hm_conn_env){.loop = &i->loop,
					.lanes = &i->lanes,
					.names = &i->names,
					.report = &i->report,
					.tls = i->tls,
					.limits = a->limits,
					.epoch_ms = hm_now_ms()};
	if (hm_redact_init(&i->conns.redact, err) != HM_OK)
		return err->code;
	if (hm_guard_enter(a->empty_dir, a->uid, a->gid, err) != HM_OK)
		return hm_err_prefix(err, "interceptor");
	if (hm_report_send_fd(SESSION_FD, HM_REPORT_READY, build_fd,
			      hm_deadline_in(5000), err) != HM_OK)
		return err->code;
	hm_cleanup_fd(&build_fd);
	return hm_loop_run(&i->loop, err);
}

/* The last messages matter: the loop is over, so now we may wait. */
static void drain_reports(struct hm_report *r)
{
	struct hm_err err;
	hm_deadline_t deadline = hm_deadline_in(5000);

	while (!hm_report_flush(r))
		if (hm_io_wait(r->fd, POLLOUT, deadline, "session", &err) !=
		    HM_OK)
			return;
}

static bool number(const char *text, uint64_t max, uint64_t *ret)
{
	return hm_parse_u64(hm_slice_str(text), max, ret);
}

/* empty_dir ca_dir roots uid gid body_max head_ms window_ms window_min */
static bool parse_arguments(int argc, char **argv, struct arguments *ret)
{
	uint64_t uid, gid, body, head, window, least;

	if (argc != 9 || !number(argv[3], UINT32_MAX - 1, &uid) ||
	    !number(argv[4], UINT32_MAX - 1, &gid) ||
	    !number(argv[5], UINT64_MAX, &body) ||
	    !number(argv[6], UINT32_MAX, &head) ||
	    !number(argv[7], UINT32_MAX, &window) ||
	    !number(argv[8], UINT32_MAX, &least))
		return false;
	*ret = (struct arguments){
		.empty_dir = argv[0],
		.ca_dir = argv[1],
		.roots = argv[2],
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
		.limits = {.body_max = body,
			   .head_ms = (uint32_t)head,
			   .window_ms = (uint32_t)window,
			   .window_min = (uint32_t)least},
	};
	return true;
}

int hm_interceptor_main(int argc, char **argv)
{
	static struct interceptor i;
	struct arguments a;
	struct hm_err err;

	if (!parse_arguments(argc, argv, &a))
		return 2;
	/* A peer that is gone is an error code, not a signal (OpenSSL writes). */
	(void)signal(SIGPIPE, SIG_IGN);
	hm_report_init(&i.report, SESSION_FD);
	if (run(&i, &a, &err) != HM_OK)
		hm_report_send(&i.report, HM_REPORT_ERROR,
			       hm_slice_str(err.msg));
	drain_reports(&i.report);
	/* No destructors: nothing here outlives the process. */
	_exit(0);
}
