/*
 * Distrusts the host: an answer is one line of at most HM_DIAL_ANSWER_MAX
 * bytes, read byte by byte so that nothing of the stream behind it is taken,
 * and its text is only ever shown.
 */
#include "enclave-worker/interceptor/dial.h"

#include <stdio.h>
#include <sys/socket.h>

struct hm_idle_lane {
	struct hm_watch watch;	/* fd -1 = free slot */
	struct hm_lane_pool *pool;
};

static void dial_changed(struct hm_dial *d, enum hm_dial_state state)
{
	d->state = state;
	if (d->owner)
		hm_loop_again(d->owner);
}

static void dial_drop_lane(struct hm_dial *d)
{
	hm_loop_remove(&d->lane);
	hm_cleanup_fd(&d->lane.fd);
}

static void dial_fail(struct hm_dial *d, const char *why)
{
	dial_drop_lane(d);
	snprintf(d->why, sizeof(d->why), "%s", why);
	dial_changed(d, HM_DIAL_FAILED);
}

/* "OK", or "ERR sentence". */
static void dial_answered(struct hm_dial *d)
{
	struct hm_slice line = hm_slice(d->answer, d->answer_len);

	if (hm_slice_eq_str(line, "OK")) {
		dial_changed(d, HM_DIAL_DONE);
		return;
	}
	d->answer[d->answer_len] = '\0';
	if (line.len > 4 && strncmp(d->answer, "ERR ", 4) == 0 &&
	    hm_slice_is_text(line))
		dial_fail(d, d->answer + 4);
	else
		dial_fail(d, "the host gave an answer that is no answer");
}

static void dial_read(struct hm_dial *d)
{
	while (d->state == HM_DIAL_ASKING) {
		char c;
		ssize_t n = recv(d->lane.fd, &c, 1, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			dial_fail(d, "the host closed the lane");
		else if (c == '\n')
			dial_answered(d);
		else if (d->answer_len + 1 == sizeof(d->answer))
			dial_fail(d, "the host's answer is too long");
		else
			d->answer[d->answer_len++] = c;
	}
}

static void dial_ready(struct hm_watch *w)
{
	struct hm_dial *d = w->ctx;

	if (d->state != HM_DIAL_ASKING)
		return;
	while (d->ask_done < d->ask_len) {
		ssize_t n = send(w->fd, d->ask + d->ask_done,
				 d->ask_len - d->ask_done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			dial_fail(d, "the host closed the lane");
			return;
		}
		d->ask_done += (size_t)n;
	}
	dial_read(d);
}

static void dial_begin(struct hm_dial *d, struct hm_loop *loop, int fd)
{
	struct hm_err err;

	d->lane.fd = fd;
	d->state = HM_DIAL_ASKING;
	if (hm_loop_add(loop, &d->lane, &err) != HM_OK)
		dial_fail(d, err.msg);
	else
		hm_loop_again(&d->lane);
}

/* An idle lane says nothing; when it does, or ends, it is of no use. */
static void idle_ready(struct hm_watch *w)
{
	struct hm_idle_lane *lane = w->ctx;
	char c;
	ssize_t n = recv(w->fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	hm_loop_remove(w);
	hm_cleanup_fd(&w->fd);
	lane->pool->count--;
}

int hm_lane_pool_init(struct hm_lane_pool *p, struct hm_loop *loop,
		      struct hm_err *err)
{
	*p = (struct hm_lane_pool){.loop = loop};
	TAILQ_INIT(&p->waiting);
	p->idle = calloc(HM_LANES_KEPT, sizeof(*p->idle));
	if (!p->idle)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "lane pool");
	for (size_t i = 0; i < HM_LANES_KEPT; i++) {
		p->idle[i].pool = p;
		p->idle[i].watch = (struct hm_watch){
			.fd = -1, .ready = idle_ready, .ctx = &p->idle[i]};
	}
	return HM_OK;
}

void hm_lane_pool_release(struct hm_lane_pool *p)
{
	for (size_t i = 0; p->idle && i < HM_LANES_KEPT; i++) {
		hm_loop_remove(&p->idle[i].watch);
		hm_cleanup_fd(&p->idle[i].watch.fd);
	}
	free(p->idle);
	p->idle = NULL;
	p->count = 0;
}

void hm_lane_pool_add(struct hm_lane_pool *p, int fd)
{
	struct hm_dial *d = TAILQ_FIRST(&p->waiting);
	struct hm_err err;

	if (d) {
		TAILQ_REMOVE(&p->waiting, d, queue);
		dial_begin(d, p->loop, fd);
		return;
	}
	for (size_t i = 0; i < HM_LANES_KEPT; i++) {
		struct hm_watch *w = &p->idle[i].watch;

		if (w->fd >= 0)
			continue;
		w->fd = fd;
		if (hm_loop_add(p->loop, w, &err) != HM_OK)
			break;
		p->count++;
		return;
	}
	(void)close(fd);
}

/* -1 when none is idle. */
static int pool_take(struct hm_lane_pool *p)
{
	for (size_t i = 0; i < HM_LANES_KEPT && p->count > 0; i++) {
		struct hm_watch *w = &p->idle[i].watch;
		int fd = w->fd;

		if (fd < 0)
			continue;
		hm_loop_remove(w);
		w->fd = -1;
		p->count--;
		return fd;
	}
	return -1;
}

void hm_dial_start(struct hm_dial *d, struct hm_lane_pool *p, const char *host,
		   uint16_t port, struct hm_watch *owner)
{
	int fd = pool_take(p);
	int n;

	*d = (struct hm_dial){.owner = owner};
	d->lane = (struct hm_watch){.fd = -1, .ready = dial_ready, .ctx = d};
	n = snprintf(d->ask, sizeof(d->ask), "CONNECT %s %u\n", host, port);
	HM_BUG_ON(n < 0 || (size_t)n >= sizeof(d->ask));
	d->ask_len = (size_t)n;
	if (fd >= 0) {
		dial_begin(d, p->loop, fd);
		return;
	}
	d->state = HM_DIAL_QUEUED;
	TAILQ_INSERT_TAIL(&p->waiting, d, queue);
}

int hm_dial_take(struct hm_dial *d)
{
	int fd = d->lane.fd;

	HM_BUG_ON(d->state != HM_DIAL_DONE);
	hm_loop_remove(&d->lane);
	d->lane.fd = -1;
	d->state = HM_DIAL_IDLE;
	return fd;
}

void hm_dial_cancel(struct hm_dial *d, struct hm_lane_pool *p)
{
	if (d->state == HM_DIAL_QUEUED)
		TAILQ_REMOVE(&p->waiting, d, queue);
	if (d->state != HM_DIAL_IDLE)
		dial_drop_lane(d);
	d->state = HM_DIAL_IDLE;
}
