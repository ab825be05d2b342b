/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * mgmt: the management socket and telemetry.
 *
 * Concepts:
 *  - The control socket speaks JSON-RPC 2.0, one request or batch a line. It
 *    reads and changes; every method is a row of a table.
 *  - A *view* is what a method shows, as JSON: ports, devices, rings, lcores,
 *    wires, counters. Telemetry shows the same views, read-only.
 *  - Whatever a client sends, the data plane does not notice: requests have a
 *    maximum length, connections a maximum number and a rate, output a limit.
 *
 * Management lcore, but for the telemetry callbacks: DPDK runs these on threads
 * of its own, and they ask the management lcore with a deadline.
 */

#ifndef MGMT_H
#define MGMT_H

#include "base/err.h"
#include "base/loop.h"
#include "conf/conf.h"

/**
 * Listen on the control socket (mode 0660) and register the telemetry commands.
 *
 * @param conf what the daemon runs with; must live on.
 * @return 0 or -errno with a sentence.
 */
int mgmt_start(struct base_loop *loop, const struct conf_global *conf, struct base_error *err);

/** Where the configuration came from, for who asks; before mgmt_start(). Must live on. */
void mgmt_tell_config_file(const char *path);

/** Close and remove the socket; requests under way are not answered. */
void mgmt_stop(void);

#endif /* MGMT_H */
