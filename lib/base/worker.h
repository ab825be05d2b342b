/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * base: the helper thread for what may take long.
 *
 * Calls that wait for other threads or for hardware (starting and
 * unregistering a vhost socket, configuring an ethdev) must not run on the
 * management lcore. It hands them to this one thread, which runs them in
 * order; the completion runs on the loop again.
 */

#ifndef BASE_WORKER_H
#define BASE_WORKER_H

#include "base/loop.h"

struct base_worker;

/** Runs on the helper thread. */
typedef int (*base_job_fn)(void *arg);
/** Runs on the loop's thread, with the job's result. */
typedef void (*base_done_fn)(void *arg, int result);

/** @return the worker, its thread running; NULL with errno set. */
struct base_worker *base_worker_create(struct base_loop *loop);

/** Waits for the job that runs, drops those that have not begun (their done gets -ECANCELED). */
void base_worker_destroy(struct base_worker *worker);

/** Queue a job. Loop's thread. @return 0 or -ENOMEM (then done is not called). */
int base_worker_submit(struct base_worker *worker, base_job_fn job, base_done_fn done, void *arg);

#endif /* BASE_WORKER_H */
