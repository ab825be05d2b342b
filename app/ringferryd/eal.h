/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* ringferryd: DPDK's environment, made from the configuration. */

#ifndef RINGFERRYD_EAL_H
#define RINGFERRYD_EAL_H

#include <rte_mempool.h>

#include "base/err.h"
#include "conf/conf.h"
#include "options.h"

#define EAL_MEMPOOL_NAME "ringferry_mbufs"

/**
 * Fill in what the configuration leaves open: which CPUs.
 *
 * @return 0; -errno if the affinity cannot be read.
 */
int eal_choose_cpus(struct conf_global *global, struct base_error *err);

/** Initialise the EAL. @return 0 or -errno with a sentence. */
int eal_start(const char *program, const struct conf *conf, const struct options *options,
	struct base_error *err);

/** The one pool of mbufs. @return NULL with a sentence. */
struct rte_mempool *eal_create_pool(const struct conf_global *global, struct base_error *err);

#endif /* RINGFERRYD_EAL_H */
