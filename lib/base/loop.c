/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The event loop: one epoll descriptor; timers in a sorted list, since there
 * are few; calls in a list under a mutex, announced by an eventfd.
 *
 * A watch or timer that is deleted inside a callback is only marked dead and
 * freed at the end of the round, so that an event already fetched for it
 * finds it still there.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"

#define LOOP_MAX_EVENTS 64
#define NS_PER_MS	1000000ull
#define NS_PER_S	1000000000ull

struct base_watch {
	TAILQ_ENTRY(base_watch) next;
	struct base_loop *loop;
	int fd;
	bool dead;
	base_watch_fn fn;
	void *arg;
};

struct base_timer {
	TAILQ_ENTRY(base_timer) next;
	struct base_loop *loop;
	uint64_t due_ns;
	uint64_t interval_ns;
	bool dead;
	base_timer_fn fn;
	void *arg;
};

enum call_state {
	CALL_QUEUED,
	CALL_DONE,
	CALL_ABANDONED, /* nobody waits any more */
};

struct loop_call {
	STAILQ_ENTRY(loop_call) next;
	base_call_fn fn;
	void *arg;
	void (*release)(void *arg);
	bool waited;
	enum call_state state; /* under loop->lock */
	int result;
};

struct base_loop {
	int epoll_fd;
	int event_fd;
	bool stop;     /* any thread: w; loop: r */
	bool closing;  /* under lock */
	bool in_round; /* loop's thread only, as the lists */
	TAILQ_HEAD(, base_watch) watches;
	TAILQ_HEAD(, base_timer) timers; /* by due_ns */
	pthread_mutex_t lock;
	pthread_cond_t done;
	STAILQ_HEAD(call_list, loop_call) calls; /* under lock */
	unsigned int waiters;			 /* under lock: threads inside base_loop_call() */
};

uint64_t
base_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* A time so far away that it does not fit stands for never. */
static uint64_t
deadline_after(uint64_t delay_ns)
{
	uint64_t due;

	return __builtin_add_overflow(base_now_ns(), delay_ns, &due) ? UINT64_MAX : due;
}

static void
loop_wake(struct base_loop *loop)
{
	/* A full counter means that the loop is awake already. */
	(void)!eventfd_write(loop->event_fd, 1);
}

struct base_loop *
base_loop_create(void)
{
	struct base_loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event ev = {.events = EPOLLIN};
	pthread_condattr_t attr;

	if (loop == NULL)
		return NULL;
	TAILQ_INIT(&loop->watches);
	TAILQ_INIT(&loop->timers);
	STAILQ_INIT(&loop->calls);
	pthread_mutex_init(&loop->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&loop->done, &attr);
	pthread_condattr_destroy(&attr);

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->event_fd < 0 ||
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &ev) < 0) {
		int saved = errno;

		base_loop_destroy(loop);
		errno = saved;
		return NULL;
	}
	return loop;
}

/* The loop's own eventfd is the event with a NULL pointer. */
struct base_watch *
base_watch_add(struct base_loop *loop, int fd, uint32_t events, base_watch_fn fn, void *arg)
{
	struct base_watch *watch = calloc(1, sizeof(*watch));
	struct epoll_event ev = {.events = events, .data.ptr = watch};

	if (watch == NULL)
		return NULL;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(watch);
		return NULL;
	}
	watch->loop = loop;
	watch->fd = fd;
	watch->fn = fn;
	watch->arg = arg;
	TAILQ_INSERT_TAIL(&loop->watches, watch, next);
	return watch;
}

int
base_watch_set(struct base_watch *watch, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = watch};

	return epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &ev) < 0 ? -errno : 0;
}

void
base_watch_del(struct base_watch *watch)
{
	if (watch == NULL || watch->dead)
		return;
	epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->dead = true;
	if (watch->loop->in_round)
		return;
	TAILQ_REMOVE(&watch->loop->watches, watch, next);
	free(watch);
}

static void
timer_insert(struct base_loop *loop, struct base_timer *timer)
{
	struct base_timer *at;

	TAILQ_FOREACH(at, &loop->timers, next) {
		if (at->due_ns > timer->due_ns) {
			TAILQ_INSERT_BEFORE(at, timer, next);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&loop->timers, timer, next);
}

struct base_timer *
base_timer_add(struct base_loop *loop, uint64_t delay_ns, uint64_t interval_ns, base_timer_fn fn,
	void *arg)
{
	struct base_timer *timer = calloc(1, sizeof(*timer));

	if (timer == NULL)
		return NULL;
	timer->loop = loop;
	timer->due_ns = deadline_after(delay_ns);
	timer->interval_ns = interval_ns;
	timer->fn = fn;
	timer->arg = arg;
	timer_insert(loop, timer);
	return timer;
}

void
base_timer_del(struct base_timer *timer)
{
	if (timer == NULL || timer->dead)
		return;
	timer->dead = true;
	if (timer->loop->in_round)
		return;
	TAILQ_REMOVE(&timer->loop->timers, timer, next);
	free(timer);
}

static void
loop_bury(struct base_loop *loop)
{
	struct base_watch *watch = TAILQ_FIRST(&loop->watches);
	struct base_timer *timer = TAILQ_FIRST(&loop->timers);

	while (watch != NULL) {
		struct base_watch *next = TAILQ_NEXT(watch, next);

		if (watch->dead) {
			TAILQ_REMOVE(&loop->watches, watch, next);
			free(watch);
		}
		watch = next;
	}
	while (timer != NULL) {
		struct base_timer *next = TAILQ_NEXT(timer, next);

		if (timer->dead) {
			TAILQ_REMOVE(&loop->timers, timer, next);
			free(timer);
		}
		timer = next;
	}
}

/* Each timer fires at most once a round, so that a short interval cannot hold up the loop. */
static void
loop_run_timers(struct base_loop *loop)
{
	uint64_t now = base_now_ns();
	struct base_timer *timer;

	while ((timer = TAILQ_FIRST(&loop->timers)) != NULL && timer->due_ns <= now) {
		TAILQ_REMOVE(&loop->timers, timer, next);
		timer->due_ns = now + timer->interval_ns + (timer->interval_ns == 0);
		timer_insert(loop, timer);
		if (timer->dead)
			continue;
		if (timer->interval_ns == 0)
			timer->dead = true;
		timer->fn(timer->arg);
	}
}

static void
call_run(struct base_loop *loop, struct loop_call *call)
{
	int result = call->fn(call->arg);
	bool waited;

	if (!call->waited) {
		free(call);
		return;
	}
	pthread_mutex_lock(&loop->lock);
	call->result = result;
	waited = call->state != CALL_ABANDONED;
	call->state = CALL_DONE;
	if (waited)
		pthread_cond_broadcast(&loop->done);
	pthread_mutex_unlock(&loop->lock);
	if (waited)
		return; /* the waiter frees it */
	if (call->release != NULL)
		call->release(call->arg);
	free(call);
}

/*
 * Run what is queued now. What these calls queue has its turn in the next
 * round, so that a call which posts itself anew cannot hold up the loop.
 */
static void
loop_run_calls(struct base_loop *loop)
{
	struct call_list batch = STAILQ_HEAD_INITIALIZER(batch);
	struct loop_call *call;

	pthread_mutex_lock(&loop->lock);
	STAILQ_CONCAT(&batch, &loop->calls);
	pthread_mutex_unlock(&loop->lock);
	while ((call = STAILQ_FIRST(&batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch, next);
		call_run(loop, call);
	}
}

static int
loop_next_timeout_ms(struct base_loop *loop, int timeout_ms)
{
	struct base_timer *timer = TAILQ_FIRST(&loop->timers);
	uint64_t now, wait_ms;

	if (timer == NULL)
		return timeout_ms;
	now = base_now_ns();
	wait_ms = timer->due_ns <= now ? 0 : (timer->due_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	if (timeout_ms >= 0 && wait_ms > (uint64_t)timeout_ms)
		return timeout_ms;
	return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

int
base_loop_run_once(struct base_loop *loop, int timeout_ms)
{
	struct epoll_event events[LOOP_MAX_EVENTS];
	eventfd_t drained;
	int n, i;

	n = epoll_wait(
		loop->epoll_fd, events, LOOP_MAX_EVENTS, loop_next_timeout_ms(loop, timeout_ms));
	if (n < 0 && errno != EINTR)
		return -errno;

	loop->in_round = true;
	for (i = 0; i < n; i++) {
		struct base_watch *watch = events[i].data.ptr;

		if (watch == NULL) {
			(void)!eventfd_read(loop->event_fd, &drained);
			loop_run_calls(loop);
		} else if (!watch->dead) {
			watch->fn(watch->arg, events[i].events);
		}
	}
	loop_run_timers(loop);
	loop->in_round = false;
	loop_bury(loop);
	return 0;
}

int
base_loop_run(struct base_loop *loop)
{
	int ret = 0;

	while (ret == 0 && !__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE))
		ret = base_loop_run_once(loop, -1);
	__atomic_store_n(&loop->stop, false, __ATOMIC_RELEASE);
	return ret;
}

void
base_loop_stop(struct base_loop *loop)
{
	__atomic_store_n(&loop->stop, true, __ATOMIC_RELEASE);
	loop_wake(loop);
}

static struct loop_call *
loop_enqueue(struct base_loop *loop, base_call_fn fn, void *arg, void (*release)(void *arg),
	bool waited, int *error)
{
	struct loop_call *call = calloc(1, sizeof(*call));

	if (call == NULL) {
		*error = -ENOMEM;
		return NULL;
	}
	call->fn = fn;
	call->arg = arg;
	call->release = release;
	call->waited = waited;

	pthread_mutex_lock(&loop->lock);
	if (loop->closing) {
		pthread_mutex_unlock(&loop->lock);
		free(call);
		*error = -ESHUTDOWN;
		return NULL;
	}
	STAILQ_INSERT_TAIL(&loop->calls, call, next);
	loop->waiters += waited;
	/* Under the lock: once it is released the loop may run the call, and be destroyed. */
	loop_wake(loop);
	pthread_mutex_unlock(&loop->lock);
	return call;
}

int
base_loop_post(struct base_loop *loop, base_call_fn fn, void *arg)
{
	int error = 0;

	loop_enqueue(loop, fn, arg, NULL, false, &error);
	return error;
}

/* The last thing that a waiter does with the loop: base_loop_destroy() may be waiting for it. */
static void
loop_leave(struct base_loop *loop)
{
	if (--loop->waiters == 0)
		pthread_cond_broadcast(&loop->done);
	pthread_mutex_unlock(&loop->lock);
}

int
base_loop_call(struct base_loop *loop, base_call_fn fn, void *arg, void (*release)(void *arg),
	uint64_t timeout_ns)
{
	uint64_t due = deadline_after(timeout_ns);
	struct timespec ts = {
		.tv_sec = (time_t)(due / NS_PER_S), .tv_nsec = (long)(due % NS_PER_S)};
	struct loop_call *call;
	int result = 0;

	call = loop_enqueue(loop, fn, arg, release, true, &result);
	if (call == NULL)
		return result;

	pthread_mutex_lock(&loop->lock);
	while (call->state == CALL_QUEUED) {
		if (pthread_cond_timedwait(&loop->done, &loop->lock, &ts) != ETIMEDOUT)
			continue;
		if (call->state == CALL_QUEUED) {
			call->state = CALL_ABANDONED;
			loop_leave(loop);
			return -ETIMEDOUT;
		}
	}
	result = call->result;
	loop_leave(loop);
	free(call);
	return result;
}

void
base_loop_destroy(struct base_loop *loop)
{
	struct base_watch *watch;
	struct base_timer *timer;

	if (loop == NULL)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->closing = true;
	pthread_mutex_unlock(&loop->lock);
	loop_run_calls(loop);
	/* Every call has its result now; who waited for one is on its way out. */
	pthread_mutex_lock(&loop->lock);
	while (loop->waiters > 0)
		pthread_cond_wait(&loop->done, &loop->lock);
	pthread_mutex_unlock(&loop->lock);

	while ((watch = TAILQ_FIRST(&loop->watches)) != NULL) {
		TAILQ_REMOVE(&loop->watches, watch, next);
		free(watch);
	}
	while ((timer = TAILQ_FIRST(&loop->timers)) != NULL) {
		TAILQ_REMOVE(&loop->timers, timer, next);
		free(timer);
	}
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->event_fd >= 0)
		close(loop->event_fd);
	pthread_cond_destroy(&loop->done);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}
