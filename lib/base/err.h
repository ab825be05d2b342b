/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * base: an error that an operator can act on.
 *
 * Functions return 0 or -errno. One whose failure an operator has to
 * understand also takes a struct base_error and puts a sentence into it:
 * what is wrong, and what was expected. The caller owns the struct.
 */

#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <rte_common.h>

#define BASE_ERROR_TEXT 512

struct base_error {
	char text[BASE_ERROR_TEXT];
};

/** Store a sentence and return -code, so that a caller can `return base_error_set(...)`. */
int base_error_set(struct base_error *err, int code, const char *fmt, ...)
	__rte_format_printf(3, 4);

#endif /* BASE_ERR_H */
