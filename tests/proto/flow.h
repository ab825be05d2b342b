/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * protocol tests: packets from guest to guest.
 *
 * A *flow* is a numbered stream that one guest sends on one queue pair and
 * another receives on whatever pair the daemon chooses. Flows are pumped
 * together, a burst at a time, so that a test can do things in between.
 */

#ifndef PROTO_FLOW_H
#define PROTO_FLOW_H

#include "fe_guest.h"

#define FLOW_BURST 32

struct flow {
	struct fe_guest *from, *to;
	unsigned int pair; /**< of the sender */
	uint16_t stream;
	uint32_t size_min, size_max; /**< sizes go up in turn */
	uint64_t sent;
	struct fe_track track;
};

/**
 * Sizes from 60 bytes to the smaller MTU's frame. Each flow has a stream number
 * of its own: what is left of an earlier one is not taken for it.
 */
void flow_init(struct flow *f, struct fe_guest *from, struct fe_guest *to, unsigned int pair);
void flow_fini(struct flow *f);

/** Send up to a burst, no more than limit in all. @return how many, or an error. */
int flow_send(struct flow *f, uint64_t limit);

/** Take in what has arrived for any of the flows. @return how many, or an error. */
int flow_receive(struct flow *f, unsigned int n);

/** One round of both for all flows; waits a little if nothing moves. @return as they. */
int flow_pump(struct flow *f, unsigned int n, uint64_t limit);

/**
 * Send until each flow has sent up to limit, and receive until all has arrived.
 *
 * @return 0; -ETIMEDOUT after timeout_ms; what a guest found wrong.
 */
int flow_finish(struct flow *f, unsigned int n, uint64_t limit, int timeout_ms);

/** Receive for as long as something comes: until quiet_ms passed without. @return 0 or an error. */
int flow_settle(struct flow *f, unsigned int n, int quiet_ms);

/** Was everything received once, in order, undamaged? What was not is printed. */
bool flow_exact(const struct flow *f);

/** The same, but packets may be missing. */
bool flow_clean(const struct flow *f);

/**
 * Wait until packets get from one guest's pairs to another, right after a
 * start: what is sent to a guest before the lcore knows of it is dropped.
 *
 * @return 0; -ETIMEDOUT; what a guest found wrong.
 */
int flow_warm_up(struct fe_guest *from, struct fe_guest *to);

/** Both ways between two guests, n packets on each pair that both have; exact. @return as above. */
int flow_exchange(struct fe_guest *a, struct fe_guest *b, uint64_t n);

#endif /* PROTO_FLOW_H */
