/*
 * A turn: wait, queue what is ready or late, call the queue. Only the queue is
 * called, and removing a watch takes it off the queue, so an owner may free any
 * watch from inside any call.
 */
#include "enclave-worker/interceptor/loop.h"

#include <sys/epoll.h>

/* Events taken per turn; more stay ready in the kernel. */
#define EVENTS_MAX 64
/* Deadlines are looked at this often: they are in tens of seconds. */
#define TICK_MS 250

int hm_loop_init(struct hm_loop *l, struct hm_err *err)
{
	*l = (struct hm_loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	TAILQ_INIT(&l->all);
	TAILQ_INIT(&l->pending);
	if (l->epoll_fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "epoll");
	return HM_OK;
}

void hm_loop_release(struct hm_loop *l)
{
	while (!TAILQ_EMPTY(&l->all))
		hm_loop_remove(TAILQ_FIRST(&l->all));
	hm_cleanup_fd(&l->epoll_fd);
}

int hm_loop_add(struct hm_loop *l, struct hm_watch *w, struct hm_err *err)
{
	struct epoll_event e = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = w,
	};

	HM_BUG_ON(w->loop != NULL);
	if (w->fd >= 0 && epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &e) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "epoll add");
	w->loop = l;
	w->queued = false;
	w->deadline = HM_NO_DEADLINE;
	TAILQ_INSERT_TAIL(&l->all, w, all);
	return HM_OK;
}

void hm_loop_remove(struct hm_watch *w)
{
	struct hm_loop *l = w->loop;

	if (!l)
		return;
	/* Fails when the owner closed the fd first, which removes it too. */
	if (w->fd >= 0)
		(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->queued)
		TAILQ_REMOVE(&l->pending, w, pending);
	TAILQ_REMOVE(&l->all, w, all);
	w->queued = false;
	w->loop = NULL;
}

void hm_loop_again(struct hm_watch *w)
{
	if (!w->loop || w->queued)
		return;
	w->queued = true;
	TAILQ_INSERT_TAIL(&w->loop->pending, w, pending);
}

static void queue_late(struct hm_loop *l)
{
	int64_t now = hm_now_ms();
	struct hm_watch *w;

	TAILQ_FOREACH(w, &l->all, all)
		if (w->deadline <= now)
			hm_loop_again(w);
}

/*
 * What is queued now, each once: what queues itself again waits for the next
 * turn, so that one busy connection does not starve the others.
 */
static void call_pending(struct hm_loop *l)
{
	struct hm_watch *w;

	TAILQ_INSERT_TAIL(&l->pending, &l->marker, pending);
	for (;;) {
		w = TAILQ_FIRST(&l->pending);
		TAILQ_REMOVE(&l->pending, w, pending);
		if (w == &l->marker)
			return;
		w->queued = false;
		w->ready(w);
	}
}

int hm_loop_run(struct hm_loop *l, struct hm_err *err)
{
	struct epoll_event events[EVENTS_MAX];

	while (!l->stop) {
		int wait = TAILQ_EMPTY(&l->pending) ? TICK_MS : 0;
		int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, wait);

		if (n < 0 && errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "epoll wait");
		for (int i = 0; i < n; i++)
			hm_loop_again(events[i].data.ptr);
		queue_late(l);
		call_pending(l);
	}
	return HM_OK;
}
