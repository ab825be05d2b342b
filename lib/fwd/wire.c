/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Wires, and the plan of paths that follows from them and the queues' states. Control. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "fwd/fwd.h"

BASE_LOG_REGISTER(fwd);

static struct fwd_wire_list wires = TAILQ_HEAD_INITIALIZER(wires);

const struct fwd_wire_list *
fwd_wires(void)
{
	return &wires;
}

struct fwd_wire *
fwd_wire_find(const char *name)
{
	struct fwd_wire *wire;

	TAILQ_FOREACH(wire, &wires, next)
		if (strcmp(wire->name, name) == 0)
			return wire;
	return NULL;
}

struct fwd_wire *
fwd_wire_of(const struct port *port)
{
	struct fwd_wire *wire;

	TAILQ_FOREACH(wire, &wires, next)
		if (wire->port[0] == port || wire->port[1] == port)
			return wire;
	return NULL;
}

int
fwd_wire_add(const struct conf_wire *conf, struct base_error *err)
{
	struct fwd_wire *wire;
	struct port *port[2];
	unsigned int i;

	if (fwd_wire_find(conf->name) != NULL)
		return base_error_set(err, EEXIST, "wire %s exists", conf->name);
	for (i = 0; i < 2; i++) {
		port[i] = port_find(conf->port[i]);
		if (port[i] == NULL)
			return base_error_set(err, ENOENT, "there is no port %s", conf->port[i]);
		if (port[i]->wired)
			return base_error_set(err, EBUSY, "port %s is in wire %s already",
				conf->port[i], fwd_wire_of(port[i])->name);
		if (port[i]->state == PORT_REMOVING)
			return base_error_set(
				err, EBUSY, "port %s is being removed", conf->port[i]);
	}
	if (port[0] == port[1])
		return base_error_set(
			err, EINVAL, "wire %s: both ends are port %s", conf->name, conf->port[0]);
	wire = calloc(1, sizeof(*wire));
	if (wire == NULL)
		return base_error_set(err, ENOMEM, "no memory for wire %s", conf->name);
	snprintf(wire->name, sizeof(wire->name), "%s", conf->name);
	wire->port[0] = port[0];
	wire->port[1] = port[1];
	port[0]->wired = true;
	port[1]->wired = true;
	TAILQ_INSERT_TAIL(&wires, wire, next);
	BASE_LOG(fwd, INFO, "wire %s joins %s and %s", wire->name, conf->port[0], conf->port[1]);
	return 0;
}

int
fwd_wire_remove(const char *name, struct base_error *err)
{
	struct fwd_wire *wire = fwd_wire_find(name);

	if (wire == NULL)
		return base_error_set(err, ENOENT, "there is no wire %s", name);
	wire->port[0]->wired = false;
	wire->port[1]->wired = false;
	TAILQ_REMOVE(&wires, wire, next);
	BASE_LOG(fwd, INFO, "wire %s removed", name);
	free(wire);
	return 0;
}

/* Room for everything: at most one path and one flush for each queue, and a lane for each. */
static int
plan_reserve(struct fwd_plan *plan)
{
	struct port *port;

	memset(plan, 0, sizeof(*plan));
	plan->max_paths = 1;
	TAILQ_FOREACH(port, port_all(), next)
		plan->max_paths += 2u * port->n_queues;
	plan->max_lanes = plan->max_paths;
	plan->paths = calloc(plan->max_paths, sizeof(*plan->paths));
	plan->lanes = calloc(plan->max_lanes, sizeof(*plan->lanes));
	if (plan->paths == NULL || plan->lanes == NULL) {
		fwd_plan_free(plan);
		return -ENOMEM;
	}
	return 0;
}

void
fwd_plan_free(struct fwd_plan *plan)
{
	free(plan->paths);
	free(plan->lanes);
	memset(plan, 0, sizeof(*plan));
}

static void
lane_begin(struct fwd_plan *plan)
{
	plan->lanes[plan->n_lanes].first = plan->n_paths;
	plan->lanes[plan->n_lanes].n_paths = 0;
}

static void
lane_add(struct fwd_plan *plan, const struct fwd_path *path)
{
	plan->paths[plan->n_paths++] = *path;
	plan->lanes[plan->n_lanes].n_paths++;
}

/* A lane without paths is none. */
static void
lane_end(struct fwd_plan *plan)
{
	if (plan->lanes[plan->n_lanes].n_paths > 0)
		plan->n_lanes++;
}

/* The open transmit queues of a port; if there are none, what is to be made of packets. */
struct tx_set {
	uint16_t n;
	uint16_t queue[PORT_MAX_QUEUES];
	bool held;
	enum port_drop reason;
};

static void
find_tx(const struct port *port, struct tx_set *set)
{
	enum port_drop reason;
	uint16_t i;

	memset(set, 0, sizeof(*set));
	for (i = 0; i < port->n_queues; i++) {
		switch (port_txq_use(&port->txq[i], &reason)) {
		case PORT_OPEN:
			set->queue[set->n++] = i;
			break;
		case PORT_HELD:
			set->held = true;
			break;
		case PORT_CLOSED:
		default:
			if (i == 0)
				set->reason = reason;
			break;
		}
	}
}

/*
 * Queue i of one side feeds open queue i, modulo their number, of the
 * other; a disabled ring's packets go nowhere.
 *
 * @return the position in `to` of the queue that is fed, -1: none.
 */
static int
make_path(const struct port *from, uint16_t i, const struct port *to, const struct tx_set *to_tx,
	struct fwd_path *path)
{
	bool discard;

	memset(path, 0, sizeof(*path));
	if (!port_rxq_polled(&from->rxq[i], &discard, &path->reason))
		return -1;
	/* Not even to those of its queues that are open: packets would change their order. */
	if (!discard && to_tx->held)
		return -1;
	path->rxq = &from->rxq[i];
	if (discard)
		return -1;
	if (to_tx->n == 0) {
		path->reason = to_tx->reason;
		path->blame = &to->txq[i % to->n_queues];
		return -1;
	}
	path->txq = &to->txq[to_tx->queue[i % to_tx->n]];
	return i % to_tx->n;
}

/* A lane takes the paths into the transmit queues of its number, modulo the number of lanes. */
static void
add_direction(struct fwd_plan *plan, const struct port *from, const struct port *to,
	const struct tx_set *to_tx, unsigned int lane, unsigned int n_lanes)
{
	struct fwd_path path;
	uint16_t i;

	for (i = 0; i < from->n_queues; i++) {
		int fed = make_path(from, i, to, to_tx, &path);
		unsigned int home = (fed < 0 ? i % to->n_queues : (unsigned int)fed) % n_lanes;

		if (path.rxq != NULL && home == lane)
			lane_add(plan, &path);
	}
}

/*
 * What a queue has in hand goes out although nothing comes in for it any
 * more. Whether it has something is not asked: the answer may change until
 * the new table is seen.
 */
static void
add_flushes(struct fwd_plan *plan, const struct port *port, const struct tx_set *tx,
	unsigned int lane, unsigned int n_lanes)
{
	unsigned int i, p;

	for (i = lane; i < tx->n; i += n_lanes) {
		struct port_txq *txq = &port->txq[tx->queue[i]];
		const struct fwd_lane *open = &plan->lanes[plan->n_lanes];
		struct fwd_path flush = {.txq = txq};
		bool fed = false;

		for (p = 0; p < open->n_paths; p++)
			fed |= plan->paths[open->first + p].txq == txq;
		if (!fed)
			lane_add(plan, &flush);
	}
}

static void
plan_wire(struct fwd_plan *plan, const struct fwd_wire *wire)
{
	struct tx_set tx[2];
	unsigned int lane, n_lanes;

	find_tx(wire->port[0], &tx[0]);
	find_tx(wire->port[1], &tx[1]);
	n_lanes = RTE_MIN(tx[0].n, tx[1].n);
	if (n_lanes == 0)
		n_lanes = RTE_MAX(RTE_MAX(tx[0].n, tx[1].n), 1);
	for (lane = 0; lane < n_lanes; lane++) {
		lane_begin(plan);
		add_direction(plan, wire->port[0], wire->port[1], &tx[1], lane, n_lanes);
		add_direction(plan, wire->port[1], wire->port[0], &tx[0], lane, n_lanes);
		add_flushes(plan, wire->port[0], &tx[0], lane, n_lanes);
		add_flushes(plan, wire->port[1], &tx[1], lane, n_lanes);
		lane_end(plan);
	}
}

/*
 * A guest without a wire sends into the void, and must not see its ring fill
 * up. A NIC is left alone.
 */
static void
plan_unwired(struct fwd_plan *plan, const struct port *port)
{
	struct tx_set tx;
	uint16_t i;

	find_tx(port, &tx);
	lane_begin(plan);
	for (i = 0; i < port->n_queues; i++) {
		struct fwd_path path = {.rxq = &port->rxq[i], .reason = PORT_DROP_NO_WIRE};
		enum port_drop reason;
		bool discard;

		if (port->conf.type != CONF_PORT_VHOST ||
			!port_rxq_polled(&port->rxq[i], &discard, &reason))
			continue;
		if (discard)
			path.reason = reason;
		lane_add(plan, &path);
	}
	add_flushes(plan, port, &tx, 0, 1);
	lane_end(plan);
}

int
fwd_plan_make(struct fwd_plan *plan)
{
	struct fwd_wire *wire;
	struct port *port;

	if (plan_reserve(plan) < 0)
		return -ENOMEM;
	TAILQ_FOREACH(wire, &wires, next)
		plan_wire(plan, wire);
	TAILQ_FOREACH(port, port_all(), next)
		if (!port->wired)
			plan_unwired(plan, port);
	return 0;
}
