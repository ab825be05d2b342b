/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * protocol tests: the daemon's own account, compared with the guests'.
 *
 * Read over the management socket, and added up here: what the daemon says
 * about its sums being right is not taken for it.
 */

#ifndef PROTO_STATS_H
#define PROTO_STATS_H

#include "daemon.h"
#include "fe_guest.h"

/**
 * Do the counters of all ports add up, and does what left one end of each wire
 * arrive at the other? Waits for packets to come to rest.
 */
bool stats_conserved(const struct daemon *d);

/** Does a port count what this guest has sent and received, if it was its only one? */
bool stats_match(const struct daemon *d, const char *port, struct fe_guest *g);

#endif /* PROTO_STATS_H */
