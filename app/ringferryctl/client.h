/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* ringferryctl: one request to the daemon, and its answer. */

#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>

#include "base/err.h"

#define CLIENT_DEADLINE_S 10

/**
 * Call a method.
 *
 * @param params borrowed; NULL: none.
 * @param[out] result on 0; the caller's.
 * @param[out] err on failure, a sentence.
 * @return 0; 1 if the daemon refused; -errno if it could not be asked, or not
 *     within the deadline.
 */
int client_call(const char *path, const char *method, json_t *params, json_t **result,
	struct base_error *err);

#endif /* CTL_CLIENT_H */
