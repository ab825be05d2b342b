/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * ringferryd: the daemon's life between a started EAL and the exit: rooms are
 * started in order, the loop runs, rooms are stopped in reverse order.
 */

#ifndef RINGFERRYD_DAEMON_H
#define RINGFERRYD_DAEMON_H

#include "conf/conf.h"

/** Run until SIGTERM or SIGINT. @return the exit code. */
int daemon_run(const struct conf *conf);

#endif /* RINGFERRYD_DAEMON_H */
