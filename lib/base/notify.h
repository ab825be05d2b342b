/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * base: word to the service manager (the sd_notify protocol).
 *
 * One datagram to the socket named by NOTIFY_SOCKET; without that variable
 * nothing happens. Any control thread.
 */

#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <rte_common.h>

/**
 * Send one state, as "READY=1" or "STATUS=...", formatted.
 *
 * @return 0, also where nobody listens; -errno if sending failed.
 */
int base_notify(const char *fmt, ...) __rte_format_printf(1, 2);

#endif /* BASE_NOTIFY_H */
