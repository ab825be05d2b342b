/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "conf/text.h"

/* What is longer than this cannot be near to any of our names. */
#define NEAREST_MAX 32

bool
conf_text_printable(char c)
{
	return c >= 0x20 && c < 0x7f;
}

struct conf_quote
conf_text_quote(const char *text, size_t len)
{
	static const char dots[] = "...";
	struct conf_quote q;
	size_t room = sizeof(q.text) - sizeof(dots);
	size_t n = RTE_MIN(len, room);
	size_t i;

	for (i = 0; i < n; i++)
		q.text[i] = conf_text_printable(text[i]) ? text[i] : '?';
	if (len > n)
		memcpy(q.text + n, dots, sizeof(dots));
	else
		q.text[n] = '\0';
	return q;
}

void
conf_text_trim(const char **text, size_t *len)
{
	while (*len > 0 && (**text == ' ' || **text == '\t')) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
		(*len)--;
}

bool
conf_text_number(const char *text, unsigned int base, uint64_t *out)
{
	uint64_t n = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text >= (char)('0' + base))
			return false;
		n = n * base + (uint64_t)(*text - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*out = n;
	return true;
}

int
conf_text_next(const char **list, char *item, size_t size)
{
	const char *start = *list;
	size_t len;

	if (start == NULL)
		return 0;
	len = strcspn(start, ",");
	*list = start[len] == ',' ? start + len + 1 : NULL;
	conf_text_trim(&start, &len);
	if (len == 0 || len >= size)
		return -EINVAL;
	memcpy(item, start, len);
	item[len] = '\0';
	return 1;
}

static bool
text_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/*
 * How many letters are wrong, missing, too many, or two of them swapped. Upper
 * and lower case are alike. Row i is about the first i letters of a.
 */
static unsigned int
text_distance(const char *a, const char *b)
{
	unsigned int row[NEAREST_MAX + 1][NEAREST_MAX + 1];
	size_t len_a = strlen(a);
	size_t len_b = strlen(b);
	size_t i, j;

	if (len_a > NEAREST_MAX || len_b > NEAREST_MAX)
		return UINT32_MAX;
	for (j = 0; j <= len_b; j++)
		row[0][j] = (unsigned int)j;
	for (i = 1; i <= len_a; i++) {
		row[i][0] = (unsigned int)i;
		for (j = 1; j <= len_b; j++) {
			unsigned int wrong = text_same(a[i - 1], b[j - 1]) ? 0 : 1;
			unsigned int best = row[i - 1][j - 1] + wrong;

			best = RTE_MIN(best, row[i - 1][j] + 1);
			best = RTE_MIN(best, row[i][j - 1] + 1);
			if (i > 1 && j > 1 && text_same(a[i - 1], b[j - 2]) &&
				text_same(a[i - 2], b[j - 1]))
				best = RTE_MIN(best, row[i - 2][j - 2] + 1);
			row[i][j] = best;
		}
	}
	return row[len_a][len_b];
}

const char *
conf_text_nearest(
	const char *typed, const char *(*name)(const void *set, unsigned int i), const void *set)
{
	unsigned int best_distance = UINT32_MAX;
	const char *best = NULL;
	const char *candidate;
	unsigned int i;

	for (i = 0; (candidate = name(set, i)) != NULL; i++) {
		unsigned int distance = text_distance(typed, candidate);

		if (distance < best_distance) {
			best_distance = distance;
			best = candidate;
		}
	}
	/* Two slips, or one in a short word: "vm2" is no misspelt "up0". */
	if (best == NULL || best_distance > (strlen(best) > 4 ? 2 : 1))
		return NULL;
	return best;
}
