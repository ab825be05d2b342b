/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The event loop: watches, timers, calls from other threads, the end of it. */

#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/loop.h"

#define MS	 1000000ull
#define DEADLINE (5000 * MS)

struct fixture {
	struct base_loop *loop;
	int pipe[2];
	struct base_watch *watch;
	struct base_watch *other;
	struct base_timer *timer;
	unsigned int count;
	unsigned int limit;
	uint32_t events;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->loop = base_loop_create();
	*state = f;
	return f->loop == NULL || pipe(f->pipe) < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	base_loop_destroy(f->loop);
	close(f->pipe[0]);
	close(f->pipe[1]);
	free(f);
	return 0;
}

/* Turn the loop until *count reaches a number. */
static void
turn_until(struct base_loop *loop, const unsigned int *count, unsigned int want)
{
	uint64_t due = base_now_ns() + DEADLINE;

	while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < want) {
		assert_true(base_now_ns() < due);
		assert_int_equal(base_loop_run_once(loop, 10), 0);
	}
}

static void
on_readable(void *arg, uint32_t events)
{
	struct fixture *f = arg;
	char c;

	f->events |= events;
	assert_int_equal(read(f->pipe[0], &c, 1), 1);
	f->count++;
}

static void
test_watch_is_level_triggered(void **state)
{
	struct fixture *f = *state;

	f->watch = base_watch_add(f->loop, f->pipe[0], EPOLLIN, on_readable, f);
	assert_non_null(f->watch);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 0);
	assert_int_equal(write(f->pipe[1], "abc", 3), 3);
	/* One byte is read in each round, and each round comes. */
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 1);
	turn_until(f->loop, &f->count, 3);
	assert_int_equal(f->events, EPOLLIN);
	base_watch_del(f->watch);
	assert_int_equal(write(f->pipe[1], "d", 1), 1);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 3);
}

static void
on_event(void *arg, uint32_t events)
{
	struct fixture *f = arg;

	f->events |= events;
	f->count++;
}

static void
test_watch_set_changes_events(void **state)
{
	struct fixture *f = *state;

	f->watch = base_watch_add(f->loop, f->pipe[1], 0, on_event, f);
	assert_non_null(f->watch);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 0);
	assert_int_equal(base_watch_set(f->watch, EPOLLOUT), 0);
	turn_until(f->loop, &f->count, 1);
	assert_int_equal(f->events, EPOLLOUT);
	base_watch_del(f->watch);
}

static void
test_watch_refuses_bad_descriptor(void **state)
{
	struct fixture *f = *state;

	assert_null(base_watch_add(f->loop, -1, EPOLLIN, on_event, f));
	assert_int_equal(errno, EBADF);
	base_watch_del(NULL);
	base_timer_del(NULL);
}

/* Deletes both watches, of which both are ready: the second must not be called. */
static void
on_event_delete_both(void *arg, uint32_t events)
{
	struct fixture *f = arg;

	(void)events;
	f->count++;
	base_watch_del(f->watch);
	base_watch_del(f->other);
	base_watch_del(f->other);
}

static void
test_watch_deleted_in_callback(void **state)
{
	struct fixture *f = *state;

	f->watch = base_watch_add(f->loop, f->pipe[1], EPOLLOUT, on_event_delete_both, f);
	f->other = base_watch_add(f->loop, f->pipe[0], EPOLLIN, on_event_delete_both, f);
	assert_non_null(f->watch);
	assert_non_null(f->other);
	assert_int_equal(write(f->pipe[1], "a", 1), 1);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 1);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 1);
}

/* Replaces itself on the same descriptor, which an event already fetched must not confuse. */
static void
on_event_replace(void *arg, uint32_t events)
{
	struct fixture *f = arg;

	(void)events;
	base_watch_del(f->watch);
	f->watch = base_watch_add(f->loop, f->pipe[1], EPOLLOUT, on_event, f);
	assert_non_null(f->watch);
}

static void
test_watch_replaced_in_callback(void **state)
{
	struct fixture *f = *state;

	f->watch = base_watch_add(f->loop, f->pipe[1], EPOLLOUT, on_event_replace, f);
	assert_non_null(f->watch);
	turn_until(f->loop, &f->count, 1);
	assert_int_equal(f->events, EPOLLOUT);
}

static void
on_timer(void *arg)
{
	struct fixture *f = arg;

	f->count++;
}

static void
test_timer_fires_once(void **state)
{
	struct fixture *f = *state;
	uint64_t start = base_now_ns();

	f->timer = base_timer_add(f->loop, 20 * MS, 0, on_timer, f);
	assert_non_null(f->timer);
	turn_until(f->loop, &f->count, 1);
	assert_true(base_now_ns() - start >= 20 * MS);
	assert_int_equal(base_loop_run_once(f->loop, 5), 0);
	assert_int_equal(f->count, 1);
}

static void
test_timer_wakes_a_waiting_loop(void **state)
{
	struct fixture *f = *state;
	uint64_t start = base_now_ns();

	/* The timer ends the wait, not the limit of it. */
	assert_non_null(base_timer_add(f->loop, 5 * MS, 0, on_timer, f));
	while (f->count == 0)
		assert_int_equal(base_loop_run_once(f->loop, 60000), 0);
	assert_true(base_now_ns() - start < DEADLINE);
}

static void
on_timer_delete_self(void *arg)
{
	struct fixture *f = arg;

	if (++f->count == f->limit)
		base_timer_del(f->timer);
}

static void
test_timer_interval_deleted_by_itself(void **state)
{
	struct fixture *f = *state;

	f->limit = 3;
	f->timer = base_timer_add(f->loop, 0, MS, on_timer_delete_self, f);
	assert_non_null(f->timer);
	turn_until(f->loop, &f->count, 3);
	assert_int_equal(base_loop_run_once(f->loop, 5), 0);
	assert_int_equal(base_loop_run_once(f->loop, 5), 0);
	assert_int_equal(f->count, 3);
}

static void
test_timer_once_may_be_deleted_by_itself(void **state)
{
	struct fixture *f = *state;

	f->limit = 1;
	f->timer = base_timer_add(f->loop, 0, 0, on_timer_delete_self, f);
	assert_non_null(f->timer);
	turn_until(f->loop, &f->count, 1);
}

static void
test_timer_deleted_before_it_fires(void **state)
{
	struct fixture *f = *state;

	f->timer = base_timer_add(f->loop, 0, 0, on_timer, f);
	base_timer_del(f->timer);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 0);
}

static void
test_timer_far_away_never_fires(void **state)
{
	struct fixture *f = *state;

	/* The sum with the present must not wrap around. */
	f->timer = base_timer_add(f->loop, UINT64_MAX, 0, on_timer, f);
	assert_non_null(f->timer);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->count, 0);
	base_timer_del(f->timer);
}

struct step {
	struct fixture *f;
	unsigned int number;
	struct base_timer *victim;
};

static void
on_step(void *arg)
{
	struct step *step = arg;

	assert_int_equal(step->f->count, step->number);
	step->f->count++;
	base_timer_del(step->victim);
}

/* They fire in the order of their times, whatever the order in which they were added. */
static void
test_timers_fire_in_order(void **state)
{
	struct fixture *f = *state;
	struct step steps[] = {{f, 2, NULL}, {f, 0, NULL}, {f, 3, NULL}, {f, 1, NULL}};
	unsigned int i;

	for (i = 0; i < 4; i++)
		assert_non_null(base_timer_add(
			f->loop, (steps[i].number + 1) * 100000ull, 0, on_step, &steps[i]));
	turn_until(f->loop, &f->count, 4);
}

/* Both are due; the first deletes the second, which must not fire in the same round. */
static void
test_timer_deleted_by_another(void **state)
{
	struct fixture *f = *state;
	struct step first = {.f = f}, second = {.f = f, .number = 99};
	uint64_t start = base_now_ns();

	assert_non_null(base_timer_add(f->loop, 0, 0, on_step, &first));
	first.victim = base_timer_add(f->loop, 1, MS, on_step, &second);
	assert_non_null(first.victim);
	while (base_now_ns() < start + 1000)
		;
	turn_until(f->loop, &f->count, 1);
	assert_int_equal(base_loop_run_once(f->loop, 5), 0);
	assert_int_equal(f->count, 1);
}

/* What is still registered goes with the loop (a leak checker tells if not). */
static void
test_destroy_frees_what_is_registered(void **state)
{
	struct fixture *f = *state;

	assert_non_null(base_watch_add(f->loop, f->pipe[0], EPOLLIN, on_event, f));
	assert_non_null(base_timer_add(f->loop, DEADLINE, DEADLINE, on_timer, f));
	assert_non_null(base_timer_add(f->loop, 0, 0, on_timer, f));
	base_loop_destroy(f->loop);
	f->loop = NULL;
	assert_int_equal(f->count, 0);
}

struct order {
	struct base_loop *loop;
	unsigned int next[2];
	unsigned int count;
};

struct ticket {
	struct order *order;
	unsigned int thread;
	unsigned int number;
};

static int
take_ticket(void *arg)
{
	struct ticket *ticket = arg;

	assert_int_equal(ticket->order->next[ticket->thread]++, ticket->number);
	ticket->order->count++;
	free(ticket);
	return 0;
}

struct poster {
	struct order *order;
	unsigned int thread;
};

#define TICKETS 2000

static void *
post_tickets(void *arg)
{
	struct poster *poster = arg;
	unsigned int i;

	for (i = 0; i < TICKETS; i++) {
		struct ticket *ticket = malloc(sizeof(*ticket));

		if (ticket == NULL)
			abort();
		*ticket = (struct ticket){poster->order, poster->thread, i};
		if (base_loop_post(poster->order->loop, take_ticket, ticket) != 0)
			abort();
	}
	return NULL;
}

static void
test_posts_keep_their_order(void **state)
{
	struct fixture *f = *state;
	struct order order = {.loop = f->loop};
	struct poster posters[2] = {{&order, 0}, {&order, 1}};
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post_tickets, &posters[i]), 0);
	turn_until(f->loop, &order.count, 2 * TICKETS);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(order.count, 2 * TICKETS);
}

static int
post_again(void *arg)
{
	struct fixture *f = arg;

	if (f->count > 0)
		return 0;
	return base_loop_post(f->loop, post_again, f);
}

/* A call that posts itself anew must not keep timers and watches from their turn. */
static void
test_posting_call_does_not_hold_up_the_loop(void **state)
{
	struct fixture *f = *state;

	assert_non_null(base_timer_add(f->loop, 0, 0, on_timer, f));
	assert_int_equal(base_loop_post(f->loop, post_again, f), 0);
	turn_until(f->loop, &f->count, 1);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
}

struct caller {
	struct base_loop *loop;
	uint64_t timeout_ns;
	int result;
	unsigned int ran;
	unsigned int released;
	unsigned int returned;
	int tid;
};

static int
answer(void *arg)
{
	struct caller *caller = arg;

	caller->ran++;
	return 42;
}

static void
release(void *arg)
{
	struct caller *caller = arg;

	assert_int_equal(caller->ran, 1);
	caller->released++;
}

static void *
make_call(void *arg)
{
	struct caller *caller = arg;

	caller->result = base_loop_call(caller->loop, answer, caller, release, caller->timeout_ns);
	__atomic_store_n(&caller->returned, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void
test_call_brings_the_result(void **state)
{
	struct fixture *f = *state;
	struct caller caller = {.loop = f->loop, .timeout_ns = DEADLINE};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, make_call, &caller), 0);
	turn_until(f->loop, &caller.returned, 1);
	pthread_join(thread, NULL);
	assert_int_equal(caller.result, 42);
	assert_int_equal(caller.ran, 1);
	assert_int_equal(caller.released, 0);
}

static void
test_call_with_endless_timeout(void **state)
{
	struct fixture *f = *state;
	struct caller caller = {.loop = f->loop, .timeout_ns = UINT64_MAX};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, make_call, &caller), 0);
	turn_until(f->loop, &caller.returned, 1);
	pthread_join(thread, NULL);
	assert_int_equal(caller.result, 42);
}

static void
test_call_times_out_and_is_released_later(void **state)
{
	struct fixture *f = *state;
	struct caller caller = {.loop = f->loop, .timeout_ns = MS};
	pthread_t thread;

	/* Nobody turns the loop. */
	assert_int_equal(pthread_create(&thread, NULL, make_call, &caller), 0);
	pthread_join(thread, NULL);
	assert_int_equal(caller.result, -ETIMEDOUT);
	assert_int_equal(caller.ran, 0);
	assert_int_equal(caller.released, 0);
	turn_until(f->loop, &caller.released, 1);
	assert_int_equal(caller.ran, 1);
}

static int
stop_loop(void *arg)
{
	struct fixture *f = arg;

	base_loop_stop(f->loop);
	return 0;
}

static void
test_run_ends_with_stop(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(base_loop_post(f->loop, stop_loop, f), 0);
	assert_int_equal(base_loop_run(f->loop), 0);
	/* And it can run again. */
	base_loop_stop(f->loop);
	assert_int_equal(base_loop_run(f->loop), 0);
}

static int
count_call(void *arg)
{
	unsigned int *count = arg;

	(*count)++;
	return 0;
}

struct late_post {
	struct base_loop *loop;
	int result;
	int call_result;
};

static int
post_while_closing(void *arg)
{
	struct late_post *late = arg;
	unsigned int unused = 0;

	late->result = base_loop_post(late->loop, count_call, &unused);
	late->call_result = base_loop_call(late->loop, count_call, &unused, NULL, DEADLINE);
	return 0;
}

static void
test_destroy_runs_queued_calls(void **state)
{
	struct base_loop *loop = base_loop_create();
	struct late_post late = {.loop = loop};
	unsigned int count = 0;

	(void)state;
	assert_non_null(loop);
	assert_int_equal(base_loop_post(loop, count_call, &count), 0);
	assert_int_equal(base_loop_post(loop, post_while_closing, &late), 0);
	assert_int_equal(base_loop_post(loop, count_call, &count), 0);
	base_loop_destroy(loop);
	assert_int_equal(count, 2);
	assert_int_equal(late.result, -ESHUTDOWN);
	assert_int_equal(late.call_result, -ESHUTDOWN);
	base_loop_destroy(NULL);
}

/* Is a thread of ours asleep? */
static bool
is_asleep(int tid)
{
	char path[64], line[256] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	state = strrchr(line, ')');
	assert_non_null(state);
	return state[2] == 'S';
}

static void *
make_call_known(void *arg)
{
	struct caller *caller = arg;

	__atomic_store_n(&caller->tid, gettid(), __ATOMIC_RELEASE);
	return make_call(caller);
}

/*
 * Whoever waits for a call while the loop is destroyed gets its result, and
 * finds the loop still there.
 */
static void
test_destroy_waits_for_waiters(void **state)
{
	unsigned int round;

	(void)state;
	for (round = 0; round < 200; round++) {
		struct caller caller = {.loop = base_loop_create(), .timeout_ns = DEADLINE};
		uint64_t due = base_now_ns() + DEADLINE;
		pthread_t thread;
		int tid;

		assert_non_null(caller.loop);
		assert_int_equal(pthread_create(&thread, NULL, make_call_known, &caller), 0);
		do {
			assert_true(base_now_ns() < due);
			tid = __atomic_load_n(&caller.tid, __ATOMIC_ACQUIRE);
		} while (tid == 0 || !is_asleep(tid));
		base_loop_destroy(caller.loop);
		pthread_join(thread, NULL);
		assert_int_equal(caller.result, 42);
		assert_int_equal(caller.ran, 1);
	}
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(test_watch_is_level_triggered),
		LOOP_TEST(test_watch_set_changes_events),
		LOOP_TEST(test_watch_refuses_bad_descriptor),
		LOOP_TEST(test_watch_deleted_in_callback),
		LOOP_TEST(test_watch_replaced_in_callback),
		LOOP_TEST(test_timer_fires_once),
		LOOP_TEST(test_timer_wakes_a_waiting_loop),
		LOOP_TEST(test_timer_interval_deleted_by_itself),
		LOOP_TEST(test_timer_once_may_be_deleted_by_itself),
		LOOP_TEST(test_timer_deleted_before_it_fires),
		LOOP_TEST(test_timer_far_away_never_fires),
		LOOP_TEST(test_timers_fire_in_order),
		LOOP_TEST(test_timer_deleted_by_another),
		LOOP_TEST(test_destroy_frees_what_is_registered),
		LOOP_TEST(test_posts_keep_their_order),
		LOOP_TEST(test_posting_call_does_not_hold_up_the_loop),
		LOOP_TEST(test_call_brings_the_result),
		LOOP_TEST(test_call_with_endless_timeout),
		LOOP_TEST(test_call_times_out_and_is_released_later),
		LOOP_TEST(test_run_ends_with_stop),
		cmocka_unit_test(test_destroy_runs_queued_calls),
		cmocka_unit_test(test_destroy_waits_for_waiters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
