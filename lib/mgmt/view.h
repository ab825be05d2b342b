/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * mgmt, private: the views.
 *
 * A view is what there is, as JSON: names of fields in lower case with
 * underscores, counters as integers since the start, addresses and feature
 * words as strings in hexadecimal, null where there is nothing to tell.
 * Numbers that data lcores write are read while they may change.
 *
 * Management lcore. Each returns a new reference, or NULL without memory.
 */

#ifndef VIEW_H
#define VIEW_H

#include <jansson.h>

#include "base/loop.h"
#include "fwd/fwd.h"
#include "port/port.h"

/* view_port.c */
json_t *view_ports(void);
json_t *view_port(const struct port *port);
json_t *view_wires(void);

/* view_stats.c */
void view_add_counters(json_t *object, const struct port *port);
json_t *view_stats(const struct port *port);
json_t *view_stats_all(void);

/* view_device.c: ports of type vhost only */
json_t *view_devices(void);
json_t *view_device(const struct port *port);

/* view_ring.c */
json_t *view_ring(const struct port *port, unsigned int index);
json_t *view_rings(const struct port *port);
json_t *view_rings_all(void);

/* view_lcore.c */
int view_lcore_start(struct base_loop *loop); /* begins to measure the load */
void view_lcore_stop(void);
json_t *view_lcores(void);

/* view_daemon.c */
json_t *view_version(void);
json_t *view_status(void);
json_t *view_mempool(void);
json_t *view_logs(void);

/* view_util.c */
void view_set_string(json_t *object, const char *key, const char *text);
void view_set_u64(json_t *object, const char *key, uint64_t value);
void view_set_bool(json_t *object, const char *key, bool value);
void view_set_hex(json_t *object, const char *key, uint64_t value);
/* The names of the bits that are set; a bit without a name is "bit_N". */
json_t *view_bits(uint64_t bits, const char *(*name)(unsigned int bit));

#endif /* VIEW_H */
