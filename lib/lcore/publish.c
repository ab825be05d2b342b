/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * From the plan to the poll tables, and the grace periods. Control.
 *
 * Every queue remembers its owner: the lcore that polls it, or did last. It
 * may be handed to another lcore only when a grace period has passed since it
 * left the owner's table, so a plan in which a queue changes hands is
 * published in two steps with a grace period between them.
 */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "lcore/lcore_priv.h"
#include "lcore/placement.h"

#define RETRY_NS (10ull * 1000 * 1000)

/* What waits for a grace period to end. */
struct deferred {
	STAILQ_ENTRY(deferred) next;
	uint64_t token;
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	struct base_loop *loop;
	struct lcore *lcores;
	unsigned int n_lcores;
	struct rte_rcu_qsbr *rcu;
	STAILQ_HEAD(, deferred) deferred; /* by token */
	struct base_timer *deferred_timer;
	struct base_timer *retry_timer;
	struct base_ratelimit late_limit;
	uint64_t publications;
	uint64_t timeouts;
} pub;

int
publish_init(struct base_loop *loop, struct lcore *lcores, unsigned int n, struct rte_rcu_qsbr *rcu)
{
	memset(&pub, 0, sizeof(pub));
	STAILQ_INIT(&pub.deferred);
	pub.loop = loop;
	pub.lcores = lcores;
	pub.n_lcores = n;
	pub.rcu = rcu;
	return 0;
}

static bool
token_passed(uint64_t token)
{
	return rte_rcu_qsbr_check(pub.rcu, token, false) == 1;
}

/* Wait for the grace period that begins now. The lcores may share this CPU: it is given away. */
int
publish_sync(uint64_t timeout_ns)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000};
	uint64_t token = rte_rcu_qsbr_start(pub.rcu);
	uint64_t begin = base_now_ns();
	unsigned int spins = 0;

	while (!token_passed(token)) {
		if (base_now_ns() - begin > timeout_ns) {
			pub.timeouts++;
			BASE_LOG_RATED(lcore, WARNING, &pub.late_limit,
				"a data lcore has not been quiescent for %u ms",
				(unsigned int)(timeout_ns / 1000000));
			return -ETIMEDOUT;
		}
		if (++spins < 64)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
	return 0;
}

static void
run_deferred(void)
{
	struct deferred *item;

	while ((item = STAILQ_FIRST(&pub.deferred)) != NULL && token_passed(item->token)) {
		STAILQ_REMOVE_HEAD(&pub.deferred, next);
		item->fn(item->arg);
		free(item);
	}
}

static void
deferred_tick(void *arg __rte_unused)
{
	run_deferred();
	if (STAILQ_EMPTY(&pub.deferred)) {
		base_timer_del(pub.deferred_timer);
		pub.deferred_timer = NULL;
	}
}

void
lcore_defer(void (*fn)(void *arg), void *arg)
{
	struct deferred *item = calloc(1, sizeof(*item));

	if (item == NULL) {
		/* Rather wait here than leak, and rather leak than pull it away. */
		if (publish_sync(LCORE_SYNC_NS) == 0)
			fn(arg);
		return;
	}
	item->token = rte_rcu_qsbr_start(pub.rcu);
	item->fn = fn;
	item->arg = arg;
	STAILQ_INSERT_TAIL(&pub.deferred, item, next);
	if (pub.deferred_timer == NULL)
		pub.deferred_timer = base_timer_add(
			pub.loop, RETRY_NS, RETRY_NS, deferred_tick, NULL);
}

/* Does a path use a queue that belongs to another lcore so far? */
static bool
path_moves(const struct fwd_path *path, int lcore)
{
	return (path->rxq != NULL && path->rxq->owner >= 0 && path->rxq->owner != lcore) ||
		(path->txq != NULL && path->txq->owner >= 0 && path->txq->owner != lcore) ||
		(path->blame != NULL && path->blame->owner >= 0 && path->blame->owner != lcore);
}

static void
path_own(const struct fwd_path *path, int lcore)
{
	if (path->rxq != NULL)
		path->rxq->owner = lcore;
	if (path->txq != NULL)
		path->txq->owner = lcore;
	if (path->blame != NULL)
		path->blame->owner = lcore;
}

/* Where a lane runs already: where the first of its queues that has an owner is. */
static int
lane_owner(const struct fwd_plan *plan, const struct fwd_lane *lane)
{
	unsigned int i;

	for (i = lane->first; i < lane->first + lane->n_paths; i++) {
		const struct fwd_path *path = &plan->paths[i];

		if (path->rxq != NULL && path->rxq->owner >= 0)
			return path->rxq->owner;
		if (path->txq != NULL && path->txq->owner >= 0)
			return path->txq->owner;
	}
	return -1;
}

static struct placement_lane *
place(const struct fwd_plan *plan)
{
	struct placement_lane *lanes = calloc(RTE_MAX(plan->n_lanes, 1u), sizeof(*lanes));
	unsigned int i;

	if (lanes == NULL)
		return NULL;
	for (i = 0; i < plan->n_lanes; i++) {
		lanes[i].weight = plan->lanes[i].n_paths;
		lanes[i].lcore = lane_owner(plan, &plan->lanes[i]);
	}
	placement_run(lanes, plan->n_lanes, pub.n_lcores);
	return lanes;
}

/* The table of one lcore; with staying_only, without the paths whose queues change hands. */
static struct lcore_table *
make_table(const struct fwd_plan *plan, const struct placement_lane *lanes, int lcore,
	bool staying_only, unsigned int *moving)
{
	struct lcore_table *table;
	unsigned int i, p;

	table = calloc(1, sizeof(*table) + plan->n_paths * sizeof(table->paths[0]));
	if (table == NULL)
		return NULL;
	for (i = 0; i < plan->n_lanes; i++) {
		const struct fwd_lane *lane = &plan->lanes[i];

		if (lanes[i].lcore != lcore)
			continue;
		for (p = lane->first; p < lane->first + lane->n_paths; p++) {
			if (path_moves(&plan->paths[p], lcore)) {
				(*moving)++;
				if (staying_only)
					continue;
			}
			table->paths[table->n_paths++] = plan->paths[p];
		}
	}
	return table;
}

static bool
tables_equal(const struct lcore_table *a, const struct lcore_table *b)
{
	return a->n_paths == b->n_paths &&
		memcmp(a->paths, b->paths, a->n_paths * sizeof(a->paths[0])) == 0;
}

static void
free_table(void *table)
{
	free(table);
}

static void
store_table(struct lcore *lc, struct lcore_table *table)
{
	struct lcore_table *old = lc->table;

	if (tables_equal(old, table)) {
		free(table);
		return;
	}
	__atomic_store_n(&lc->table, table, __ATOMIC_RELEASE);
	pub.publications++;
	lcore_defer(free_table, old);
}

/* Publish one step for all lcores, or for none. @return how many paths change hands, -ENOMEM. */
static int
publish_step(const struct fwd_plan *plan, const struct placement_lane *lanes, bool staying_only)
{
	struct lcore_table *tables[CONF_MAX_LCORES] = {NULL};
	unsigned int i, moving = 0;

	for (i = 0; i < pub.n_lcores; i++) {
		tables[i] = make_table(plan, lanes, (int)i, staying_only, &moving);
		if (tables[i] == NULL) {
			while (i-- > 0)
				free(tables[i]);
			return -ENOMEM;
		}
	}
	for (i = 0; i < pub.n_lcores; i++)
		store_table(&pub.lcores[i], tables[i]);
	return (int)moving;
}

/* What a step has published belongs to its lcore from now on. */
static void
own_paths(const struct fwd_plan *plan, const struct placement_lane *lanes, bool staying_only)
{
	unsigned int i, p;

	for (i = 0; i < plan->n_lanes; i++) {
		for (p = 0; p < plan->lanes[i].n_paths; p++) {
			const struct fwd_path *path = &plan->paths[plan->lanes[i].first + p];

			if (!staying_only || !path_moves(path, lanes[i].lcore))
				path_own(path, lanes[i].lcore);
		}
	}
}

static int
publish_plan(const struct fwd_plan *plan)
{
	struct placement_lane *lanes = place(plan);
	int ret;

	if (lanes == NULL)
		return -ENOMEM;
	ret = publish_step(plan, lanes, true);
	if (ret >= 0)
		own_paths(plan, lanes, true);
	if (ret > 0) {
		ret = publish_sync(LCORE_SYNC_NS);
		if (ret == 0)
			ret = publish_step(plan, lanes, false);
		if (ret >= 0)
			own_paths(plan, lanes, false);
	}
	free(lanes);
	return RTE_MIN(ret, 0);
}

/* What is in hand for a destination that cannot be reached any more is dropped, by name. */
static bool
has_stranded(void)
{
	enum port_drop reason;
	struct port *port;
	uint16_t i;

	TAILQ_FOREACH(port, port_all(), next)
		for (i = 0; i < port->n_queues; i++)
			if (port->txq[i].n_pending > 0 &&
				port_txq_use(&port->txq[i], &reason) == PORT_CLOSED)
				return true;
	return false;
}

static void
purge_stranded(void)
{
	enum port_drop reason;
	struct port *port;
	uint16_t i;

	TAILQ_FOREACH(port, port_all(), next)
		for (i = 0; i < port->n_queues; i++)
			if (port_txq_use(&port->txq[i], &reason) == PORT_CLOSED)
				port_txq_purge(&port->txq[i], reason);
}

static void
retry(void *arg __rte_unused)
{
	pub.retry_timer = NULL;
	(void)lcore_apply();
}

static void
retry_later(void)
{
	if (pub.retry_timer == NULL)
		pub.retry_timer = base_timer_add(pub.loop, RETRY_NS, 0, retry, NULL);
}

int
lcore_apply(void)
{
	uint64_t publications = pub.publications;
	struct fwd_plan plan;
	int ret;

	ret = fwd_plan_make(&plan);
	if (ret == 0) {
		ret = publish_plan(&plan);
		fwd_plan_free(&plan);
	}
	if (ret == 0 && has_stranded()) {
		ret = publish_sync(LCORE_SYNC_NS);
		if (ret == 0)
			purge_stranded();
	}
	/* Until the new table is seen, the old one may strand some more. */
	if (ret < 0 || publications != pub.publications)
		retry_later();
	return ret;
}

int
lcore_quiesce(void)
{
	int ret = lcore_apply();

	if (ret == 0)
		ret = publish_sync(LCORE_SYNC_NS);
	if (ret == 0) {
		purge_stranded();
		run_deferred();
	}
	return ret;
}

uint64_t
lcore_publications(void)
{
	return pub.publications;
}

uint64_t
lcore_timeouts(void)
{
	return pub.timeouts;
}

/* The lcores have stopped: every grace period is over. */
void
publish_fini(void)
{
	struct deferred *item;
	unsigned int i;

	base_timer_del(pub.deferred_timer);
	base_timer_del(pub.retry_timer);
	while ((item = STAILQ_FIRST(&pub.deferred)) != NULL) {
		STAILQ_REMOVE_HEAD(&pub.deferred, next);
		item->fn(item->arg);
		free(item);
	}
	for (i = 0; i < pub.n_lcores; i++)
		free(pub.lcores[i].table);
}
