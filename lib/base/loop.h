/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * base: the event loop of the management lcore.
 *
 * Concepts:
 *  - A *watch* calls back when a file descriptor is ready (level-triggered).
 *  - A *timer* calls back once or every interval; monotonic time in nanoseconds.
 *  - A *call* brings work from any thread: base_loop_post() queues it and
 *    returns; base_loop_call() also waits for it, with a deadline.
 *
 * All functions belong to the thread that runs the loop, but base_loop_post(),
 * base_loop_call() and base_loop_stop(), which any other thread may call.
 * Callbacks may add and remove watches and timers, their own included.
 */

#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct base_loop;
struct base_watch;
struct base_timer;

typedef void (*base_watch_fn)(void *arg, uint32_t events);
typedef void (*base_timer_fn)(void *arg);
/** A call's result is handed to who waits for it. */
typedef int (*base_call_fn)(void *arg);

/** @return the loop, owned by the caller; NULL with errno set. */
struct base_loop *base_loop_create(void);

/**
 * Frees the loop and what is still registered. Calls still queued are run with
 * no loop running, and who waits for one gets its result. No thread may begin
 * another call once this has returned.
 */
void base_loop_destroy(struct base_loop *loop);

/** Run until base_loop_stop(). @return 0, or -errno if waiting for events failed. */
int base_loop_run(struct base_loop *loop);

/** Handle what is ready, waiting for at most timeout_ms. @return 0 or -errno. */
int base_loop_run_once(struct base_loop *loop, int timeout_ms);

/** Have base_loop_run() return. From any thread or signal-free context. */
void base_loop_stop(struct base_loop *loop);

/**
 * Watch a descriptor for EPOLLIN, EPOLLOUT (errors and hang-ups always come).
 * The descriptor stays the caller's.
 *
 * @return the watch; NULL with errno set.
 */
struct base_watch *base_watch_add(
	struct base_loop *loop, int fd, uint32_t events, base_watch_fn fn, void *arg);

/** Change the events. @return 0 or -errno. */
int base_watch_set(struct base_watch *watch, uint32_t events);

/** Remove; NULL is allowed. To be called before the descriptor is closed. */
void base_watch_del(struct base_watch *watch);

/**
 * Call back in delay_ns, then every interval_ns (0: once; the timer is gone
 * after its callback).
 *
 * @return the timer; NULL with errno set.
 */
struct base_timer *base_timer_add(struct base_loop *loop, uint64_t delay_ns, uint64_t interval_ns,
	base_timer_fn fn, void *arg);

void base_timer_del(struct base_timer *timer);

/**
 * Queue a call, in the order of posting, and return at once.
 *
 * @return 0; -ENOMEM; -ESHUTDOWN once the loop is being destroyed.
 */
int base_loop_post(struct base_loop *loop, base_call_fn fn, void *arg);

/**
 * Queue a call and wait for its result. Not from the loop's own thread.
 *
 * When the deadline passes first, the call still runs later; then release(arg)
 * (may be NULL) is called after it, so that arg must not be on the caller's
 * stack if release is what frees it. In every other case arg stays the caller's.
 *
 * @return the call's result; -ETIMEDOUT; -ENOMEM; -ESHUTDOWN.
 */
int base_loop_call(struct base_loop *loop, base_call_fn fn, void *arg, void (*release)(void *arg),
	uint64_t timeout_ns);

/** Monotonic time in nanoseconds. Any thread. */
uint64_t base_now_ns(void);

#endif /* BASE_LOOP_H */
