/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* lcore: between the files of this room. */

#ifndef LCORE_PRIV_H
#define LCORE_PRIV_H

#include <rte_rcu_qsbr.h>

#include "base/log.h"
#include "lcore/lcore.h"

extern int lcore_logtype;

/* One data lcore. */
struct lcore {
	/* Management: w; data: r. */
	struct lcore_table *table;
	bool stop;
	enum conf_idle_policy policy;
	struct rte_rcu_qsbr *rcu;
	unsigned int id; /* in rcu; also its index */
	/* Management only. */
	unsigned int cpu;
	unsigned int eal_id;
	/* Data: w; management: r. */
	uint64_t rounds __rte_cache_aligned;
	uint64_t packets;
	uint64_t busy_cycles;
	uint64_t idle_cycles;
	uint64_t yields;
} __rte_cache_aligned;

/* The loop of a data lcore, for rte_eal_remote_launch(). */
int lcore_main(void *lcore);

/* publish.c */
int publish_init(
	struct base_loop *loop, struct lcore *lcores, unsigned int n, struct rte_rcu_qsbr *rcu);
void publish_fini(void);
int publish_sync(uint64_t timeout_ns);

#endif /* LCORE_PRIV_H */
