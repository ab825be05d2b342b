/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* mgmt: between the files of this room. */

#ifndef MGMT_PRIV_H
#define MGMT_PRIV_H

#include "base/log.h"
#include "mgmt/mgmt.h"
#include "mgmt/rpc.h"

extern int mgmt_logtype;

/* What the methods and views need to know of the daemon. Management only. */
struct mgmt {
	struct base_loop *loop;
	const struct conf_global *conf;
	const char *config_file; /* NULL: not told */
	uint64_t started_ns;
};
extern struct mgmt mgmt;

/* methods.c */
extern const struct rpc_service mgmt_service;

/* telemetry.c */
int telemetry_start(struct base_loop *loop, struct base_error *err);
void telemetry_stop(void);

#endif /* MGMT_PRIV_H */
