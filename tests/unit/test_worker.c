/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The helper thread: jobs run elsewhere and in order, completions run on the loop. */

#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/worker.h"
#include "unit_eal.h"

#define DEADLINE_NS 5000000000ull

struct fixture {
	struct base_loop *loop;
	struct base_worker *worker;
	pthread_t self;
	pthread_mutex_t lock; /* held by the test to keep a job running */
	unsigned int begun;
	unsigned int ran;
	unsigned int done;
	unsigned int cancelled;
};

struct task {
	struct fixture *f;
	unsigned int number;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->self = pthread_self();
	pthread_mutex_init(&f->lock, NULL);
	f->loop = base_loop_create();
	f->worker = f->loop == NULL ? NULL : base_worker_create(f->loop);
	*state = f;
	return f->worker == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	base_worker_destroy(f->worker);
	base_loop_destroy(f->loop);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static int
job(void *arg)
{
	struct task *task = arg;

	if (pthread_equal(pthread_self(), task->f->self) || task->f->ran++ != task->number)
		return -1;
	return (int)task->number + 100;
}

static void
job_done(void *arg, int result)
{
	struct task *task = arg;

	assert_true(pthread_equal(pthread_self(), task->f->self));
	assert_int_equal(task->number, task->f->done);
	assert_int_equal(result, (int)task->number + 100);
	task->f->done++;
}

static void
test_jobs_run_in_order(void **state)
{
	struct fixture *f = *state;
	uint64_t due = base_now_ns() + DEADLINE_NS;
	struct task tasks[100];
	unsigned int i;

	for (i = 0; i < 100; i++) {
		tasks[i] = (struct task){f, i};
		assert_int_equal(base_worker_submit(f->worker, job, job_done, &tasks[i]), 0);
	}
	while (f->done < 100) {
		assert_true(base_now_ns() < due);
		assert_int_equal(base_loop_run_once(f->loop, 10), 0);
	}
}

static int
held_job(void *arg)
{
	struct task *task = arg;

	__atomic_store_n(&task->f->begun, 1, __ATOMIC_RELEASE);
	pthread_mutex_lock(&task->f->lock);
	pthread_mutex_unlock(&task->f->lock);
	task->f->ran++;
	return 7;
}

static void
held_done(void *arg, int result)
{
	struct task *task = arg;

	if (result == -ECANCELED)
		task->f->cancelled++;
	else if (result == 7)
		task->f->done++;
}

/* The job that runs is waited for; those that have not begun are cancelled, and told so. */
static void
test_destroy_cancels_what_has_not_begun(void **state)
{
	struct fixture *f = *state;
	uint64_t due = base_now_ns() + DEADLINE_NS;
	struct task task = {f, 0};
	unsigned int i;

	pthread_mutex_lock(&f->lock);
	assert_int_equal(base_worker_submit(f->worker, held_job, held_done, &task), 0);
	while (!__atomic_load_n(&f->begun, __ATOMIC_ACQUIRE))
		assert_true(base_now_ns() < due);
	for (i = 0; i < 3; i++)
		assert_int_equal(base_worker_submit(f->worker, held_job, held_done, &task), 0);
	pthread_mutex_unlock(&f->lock);
	base_worker_destroy(f->worker);
	f->worker = NULL;
	base_loop_destroy(f->loop);
	f->loop = NULL;
	/* How many began is a race; each of them is accounted for once. */
	assert_true(f->done >= 1);
	assert_int_equal(f->done, f->ran);
	assert_int_equal(f->done + f->cancelled, 4);
}

static void
test_destroy_of_an_idle_worker(void **state)
{
	struct fixture *f = *state;

	base_worker_destroy(f->worker);
	f->worker = NULL;
	base_worker_destroy(NULL);
	assert_int_equal(base_loop_run_once(f->loop, 0), 0);
	assert_int_equal(f->done + f->cancelled, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_jobs_run_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_destroy_cancels_what_has_not_begun, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroy_of_an_idle_worker, setup, teardown),
	};

	/* The helper thread is one of EAL's control threads. */
	if (unit_eal_init("16") < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
