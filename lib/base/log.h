/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * base: logging, one type per room.
 *
 * Each room has the log type "ringferry.<room>" of rte_log, declared in one
 * of its files with BASE_LOG_REGISTER() and used by all of them. Levels are
 * changed while the program runs (log.set of the management socket).
 *
 * Any control thread may log. A data lcore never does: it counts, and the
 * management lcore tells.
 *
 * What a guest or a front-end can cause as often as it likes is logged with
 * BASE_LOG_RATED(): the limiter lets a burst through, then one message an
 * interval, and says how many it kept back.
 */

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_log.h>

#define BASE_LOG_REGISTER(room) RTE_LOG_REGISTER(room##_logtype, ringferry.room, INFO)

#define BASE_LOG(room, level, fmt, ...) \
	rte_log(RTE_LOG_##level, room##_logtype, #room ": " fmt "\n", ##__VA_ARGS__)

/** A token bucket. Zero is a valid initial value. One thread at a time. */
struct base_ratelimit {
	uint64_t window_start_ns; /**< start of the current window */
	uint32_t passed;	  /**< messages let through in this window */
	uint32_t suppressed;	  /**< messages kept back since the last one let through */
};

#define BASE_RATELIMIT_BURST	 8
#define BASE_RATELIMIT_WINDOW_NS (5ull * 1000 * 1000 * 1000)

/**
 * May one more message go out?
 *
 * @param[out] suppressed how many were kept back before this one.
 * @return true if the caller shall log.
 */
bool base_ratelimit_pass(struct base_ratelimit *rl, uint32_t *suppressed);

#define BASE_LOG_RATED(room, level, rl, fmt, ...) \
	do { \
		uint32_t kept_back_; \
		if (!base_ratelimit_pass(rl, &kept_back_)) \
			break; \
		if (kept_back_ > 0) \
			BASE_LOG(room, level, fmt " (%u similar kept back)", ##__VA_ARGS__, \
				kept_back_); \
		else \
			BASE_LOG(room, level, fmt, ##__VA_ARGS__); \
	} while (0)

/**
 * Set levels from a list: "LEVEL" for all rooms, "ROOM:LEVEL" for one,
 * separated by commas, in order. Levels: error, warning, notice, info, debug.
 *
 * @return 0; -EINVAL for an unknown level, and nothing is changed.
 */
int base_log_set_levels(const char *list);

/** The level's number for rte_log, or -EINVAL. */
int base_log_parse_level(const char *name);

/** The level's name, "?" for none of ours. */
const char *base_log_level_name(int level);

#endif /* BASE_LOG_H */
