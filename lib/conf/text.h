/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * conf, private: small things about text.
 *
 * Values are printable ASCII. Error sentences quote them only through
 * conf_text_quote(), so that a sentence is always short, printable and valid
 * in JSON, whatever stood in the file.
 */

#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_QUOTE_MAX 84

struct conf_quote {
	char text[CONF_QUOTE_MAX];
};

/** A text as it may stand in an error: clipped with "...", '?' for what does not print. */
struct conf_quote conf_text_quote(const char *text, size_t len);

/** Is a byte printable ASCII, a blank included? */
bool conf_text_printable(char c);

/** Take blanks and tabs off both ends. */
void conf_text_trim(const char **text, size_t *len);

/**
 * Parse digits only: no sign, no blank, nothing behind them.
 *
 * @return false if it is something else, or larger than fits.
 */
bool conf_text_number(const char *text, unsigned int base, uint64_t *out);

/**
 * Take the next item off a list separated by commas, without the blanks around it.
 *
 * @param[in,out] list the rest of the list; NULL once the last item is out.
 * @return 1: an item; 0: the list has ended; -EINVAL: the item is empty or does not fit.
 */
int conf_text_next(const char **list, char *item, size_t size);

/**
 * Which of these names did somebody mean to type?
 *
 * @param name the i-th name, NULL behind the last.
 * @return the nearest name that is near enough, or NULL.
 */
const char *conf_text_nearest(
	const char *typed, const char *(*name)(const void *set, unsigned int i), const void *set);

#endif /* CONF_TEXT_H */
