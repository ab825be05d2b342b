/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The list of ports, and what all kinds have in common. Control. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "port/port_priv.h"

BASE_LOG_REGISTER(port);

#define RETRY_NS (10ull * 1000 * 1000)

const struct port_env *port_env;
static struct port_list ports = TAILQ_HEAD_INITIALIZER(ports);

static const struct port_ops *
ops_of(const struct port *port)
{
	return port->conf.type == CONF_PORT_VHOST ? &port_vhost_ops : &port_ethdev_ops;
}

int
port_init(const struct port_env *env, struct base_error *err)
{
	port_env = env;
	return port_vhost_init(err);
}

const struct port_list *
port_all(void)
{
	return &ports;
}

struct port *
port_find(const char *name)
{
	struct port *port;

	TAILQ_FOREACH(port, &ports, next)
		if (strcmp(port->conf.name, name) == 0)
			return port;
	return NULL;
}

static void
init_queues(struct port *port)
{
	uint16_t i;

	for (i = 0; i < port->n_queues; i++) {
		port->rxq[i].port = port;
		port->rxq[i].index = i;
		port->rxq[i].owner = -1;
		port->rxq[i].pool = port_env->pool;
		port->txq[i].port = port;
		port->txq[i].index = i;
		port->txq[i].owner = -1;
		port->txq[i].max_frame = port->conf.mtu + 14u + 8u;
	}
}

static struct port *
port_create(const struct conf_port *conf)
{
	struct port *port = calloc(1, sizeof(*port));
	size_t rx_size = sizeof(*port->rxq) * conf->queues;
	size_t tx_size = sizeof(*port->txq) * conf->queues;

	if (port == NULL)
		return NULL;
	port->conf = *conf;
	port->n_queues = conf->queues;
	port->eth_port = RTE_MAX_ETHPORTS;
	port->rxq = aligned_alloc(RTE_CACHE_LINE_SIZE, rx_size);
	port->txq = aligned_alloc(RTE_CACHE_LINE_SIZE, tx_size);
	if (port->rxq == NULL || port->txq == NULL) {
		free(port->rxq);
		free(port->txq);
		free(port);
		return NULL;
	}
	memset(port->rxq, 0, rx_size);
	memset(port->txq, 0, tx_size);
	init_queues(port);
	return port;
}

static void
port_free(void *arg)
{
	struct port *port = arg;
	uint16_t i;

	for (i = 0; i < port->n_queues; i++)
		rte_pktmbuf_free(port->rxq[i].inject);
	free(port->rxq);
	free(port->txq);
	free(port);
}

static void
finish(struct port_job *job, int result)
{
	job->done(job->arg, result, &job->error);
	free(job);
}

/* Lcores may still hold a table in which the port stands. */
static void
port_forget(struct port *port)
{
	TAILQ_REMOVE(&ports, port, next);
	port_env->defer(port_free, port);
}

void
port_started(struct port_job *job, int result)
{
	struct port *port = job->port;

	if (result < 0) {
		BASE_LOG(port, ERR, "%s: %s", port->conf.name, job->error.text);
		port_forget(port);
	} else {
		port->state = PORT_RUNNING;
		BASE_LOG(port, INFO, "%s: added (%s, %u queues, MTU %u)", port->conf.name,
			conf_port_type_name(port->conf.type), port->n_queues, port->conf.mtu);
		port_env->changed();
	}
	finish(job, result);
}

void
port_removed(struct port_job *job)
{
	struct port *port = job->port;
	uint16_t i;

	for (i = 0; i < port->n_queues; i++)
		port_txq_purge(&port->txq[i], PORT_DROP_PORT_REMOVED);
	BASE_LOG(port, INFO, "%s: removed", port->conf.name);
	port_forget(port);
	finish(job, 0);
}

static struct port_job *
job_create(struct port *port, port_done_fn done, void *arg)
{
	struct port_job *job = calloc(1, sizeof(*job));

	if (job != NULL) {
		job->port = port;
		job->done = done;
		job->arg = arg;
	}
	return job;
}

int
port_add(const struct conf_port *conf, port_done_fn done, void *arg, struct base_error *err)
{
	struct port *port;
	struct port_job *job;

	if (port_find(conf->name) != NULL)
		return base_error_set(err, EEXIST, "port %s exists", conf->name);
	port = port_create(conf);
	if (port == NULL)
		return base_error_set(err, ENOMEM, "no memory for port %s", conf->name);
	job = job_create(port, done, arg);
	if (job == NULL || ops_of(port)->start(port, job) < 0) {
		free(job);
		port_free(port);
		return base_error_set(err, ENOMEM, "no memory for port %s", conf->name);
	}
	TAILQ_INSERT_TAIL(&ports, port, next);
	return 0;
}

/* Nobody may poll the port any more before its kind takes it apart. */
static void
remove_when_quiet(void *arg)
{
	struct port_job *job = arg;

	if (port_env->quiesce() < 0) {
		if (base_timer_add(port_env->loop, RETRY_NS, 0, remove_when_quiet, job) != NULL)
			return;
		job->port->state = PORT_RUNNING;
		base_error_set(&job->error, ENOMEM, "no memory to wait for the data lcores");
		finish(job, -ENOMEM);
		return;
	}
	if (ops_of(job->port)->remove(job->port, job) < 0) {
		job->port->state = PORT_RUNNING;
		port_env->changed();
		base_error_set(
			&job->error, ENOMEM, "no memory to remove port %s", job->port->conf.name);
		finish(job, -ENOMEM);
	}
}

int
port_remove(struct port *port, port_done_fn done, void *arg, struct base_error *err)
{
	struct port_job *job;

	if (port->wired)
		return base_error_set(
			err, EBUSY, "port %s is in a wire; remove that first", port->conf.name);
	if (port->state != PORT_RUNNING)
		return base_error_set(
			err, EBUSY, "port %s is %s", port->conf.name, port_state_name(port));
	job = job_create(port, done, arg);
	if (job == NULL)
		return base_error_set(err, ENOMEM, "no memory to remove port %s", port->conf.name);
	port->state = PORT_REMOVING;
	remove_when_quiet(job);
	return 0;
}

void
port_check_all(void)
{
	bool any = false;
	struct port *port;

	TAILQ_FOREACH(port, &ports, next)
		if (port->state == PORT_RUNNING)
			any |= ops_of(port)->check(port);
	if (any)
		port_env->changed();
}

bool
port_rxq_polled(const struct port_rxq *rxq, bool *discard, enum port_drop *reason)
{
	*discard = false;
	if (rxq->port->state != PORT_RUNNING)
		return false;
	return ops_of(rxq->port)->rxq_polled(rxq, discard, reason);
}

enum port_use
port_txq_use(const struct port_txq *txq, enum port_drop *reason)
{
	*reason = PORT_DROP_PORT_REMOVED;
	if (txq->port->state == PORT_STARTING)
		return PORT_HELD;
	if (txq->port->state != PORT_RUNNING)
		return PORT_CLOSED;
	return ops_of(txq->port)->txq_use(txq, reason);
}

void
port_txq_purge(struct port_txq *txq, enum port_drop reason)
{
	if (txq->n_pending == 0)
		return;
	txq->dropped[reason] += txq->n_pending;
	rte_pktmbuf_free_bulk(txq->pending, txq->n_pending);
	txq->n_pending = 0;
}

const char *
port_state_name(const struct port *port)
{
	switch (port->state) {
	case PORT_STARTING:
		return "starting";
	case PORT_REMOVING:
		return "removing";
	case PORT_RUNNING:
	default:
		return port->link_up ? "up" : "down";
	}
}
