/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <rte_lcore.h>

#include "base/worker.h"

struct job {
	STAILQ_ENTRY(job) next;
	struct base_worker *worker;
	base_job_fn run;
	base_done_fn done;
	void *arg;
	int result;
};

struct base_worker {
	struct base_loop *loop;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;		 /* under lock */
	STAILQ_HEAD(, job) jobs; /* under lock */
};

/* On the loop. */
static int
job_complete(void *arg)
{
	struct job *job = arg;

	job->done(job->arg, job->result);
	free(job);
	return 0;
}

static struct job *
worker_next(struct base_worker *worker)
{
	struct job *job = NULL;

	pthread_mutex_lock(&worker->lock);
	while (!worker->stop && STAILQ_EMPTY(&worker->jobs))
		pthread_cond_wait(&worker->wake, &worker->lock);
	if (!worker->stop) {
		job = STAILQ_FIRST(&worker->jobs);
		STAILQ_REMOVE_HEAD(&worker->jobs, next);
	}
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void *
worker_main(void *arg)
{
	struct base_worker *worker = arg;
	struct job *job;

	while ((job = worker_next(worker)) != NULL) {
		job->result = job->run(job->arg);
		/* Only a loop that is being destroyed refuses, and then nobody is left to tell. */
		if (base_loop_post(worker->loop, job_complete, job) < 0)
			free(job);
	}
	return NULL;
}

struct base_worker *
base_worker_create(struct base_loop *loop)
{
	struct base_worker *worker = calloc(1, sizeof(*worker));
	int ret;

	if (worker == NULL)
		return NULL;
	worker->loop = loop;
	STAILQ_INIT(&worker->jobs);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	/* A control thread of EAL's: it stays off the data lcores' CPUs. */
	ret = rte_ctrl_thread_create(&worker->thread, "rf-worker", NULL, worker_main, worker);
	if (ret != 0) {
		pthread_cond_destroy(&worker->wake);
		pthread_mutex_destroy(&worker->lock);
		free(worker);
		errno = ret < 0 ? -ret : ret;
		return NULL;
	}
	return worker;
}

int
base_worker_submit(struct base_worker *worker, base_job_fn run, base_done_fn done, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return -ENOMEM;
	job->worker = worker;
	job->run = run;
	job->done = done;
	job->arg = arg;
	pthread_mutex_lock(&worker->lock);
	STAILQ_INSERT_TAIL(&worker->jobs, job, next);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	return 0;
}

void
base_worker_destroy(struct base_worker *worker)
{
	struct job *job;

	if (worker == NULL)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->stop = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);

	while ((job = STAILQ_FIRST(&worker->jobs)) != NULL) {
		STAILQ_REMOVE_HEAD(&worker->jobs, next);
		job->done(job->arg, -ECANCELED);
		free(job);
	}
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}
