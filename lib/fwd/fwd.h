/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * fwd: who sends to whom.
 *
 * Concepts:
 *  - A *wire* joins two ports: what comes out of one goes into the other,
 *    both ways, nothing looked at.
 *  - A *path* is what a data lcore runs: take a burst from a receive queue,
 *    put it on a transmit queue, or discard it for a reason.
 *  - A *lane* is a set of paths that have to run on one lcore, because they
 *    share a transmit queue, or should, because they are the two directions
 *    of one pair. Placement moves lanes, never paths.
 *
 * Wires belong to the management lcore. fwd_path_run() (fwd_data.h) is for
 * data lcores.
 */

#ifndef FWD_H
#define FWD_H

#include <sys/queue.h>

#include "base/err.h"
#include "port/port.h"

struct fwd_wire {
	TAILQ_ENTRY(fwd_wire) next;
	char name[CONF_NAME_MAX];
	struct port *port[2];
};

TAILQ_HEAD(fwd_wire_list, fwd_wire);

struct fwd_path {
	struct port_rxq *rxq;  /**< NULL: only send what the txq has in hand */
	struct port_txq *txq;  /**< NULL: discard */
	enum port_drop reason; /**< why, if discarded */
	/** Whose counters take the discard: the destination's, if there is one. */
	struct port_txq *blame;
};

struct fwd_lane {
	unsigned int first; /**< its paths in fwd_plan.paths */
	unsigned int n_paths;
};

struct fwd_plan {
	struct fwd_path *paths;
	unsigned int n_paths, max_paths;
	struct fwd_lane *lanes;
	unsigned int n_lanes, max_lanes;
};

/**
 * Join two ports. Nothing is published by this.
 *
 * @return 0; -EEXIST, -ENOENT, -EBUSY (in another wire), -EINVAL, -ENOMEM with a sentence.
 */
int fwd_wire_add(const struct conf_wire *conf, struct base_error *err);
int fwd_wire_remove(const char *name, struct base_error *err);
const struct fwd_wire_list *fwd_wires(void);
struct fwd_wire *fwd_wire_find(const char *name);
/** The wire that a port is in, or NULL. */
struct fwd_wire *fwd_wire_of(const struct port *port);

/**
 * What there is to do now, for all ports.
 *
 * @param[out] plan to be given back with fwd_plan_free().
 * @return 0 or -ENOMEM.
 */
int fwd_plan_make(struct fwd_plan *plan);
void fwd_plan_free(struct fwd_plan *plan);

#endif /* FWD_H */
