/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define MAX_COLUMNS 16
#define FIELD_TEXT  512

struct table {
	unsigned int n_columns;
	bool right[MAX_COLUMNS];
	size_t n_cells;
	size_t size;
	char **cells; /* row by row; NULL is empty */
};

/* Columns are counted in characters, not in bytes. */
static int
text_width(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void
tame(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void
put_cell(struct table *table, char *text)
{
	if (table->n_cells == table->size) {
		size_t size = table->size * 2 + 64;
		char **cells = realloc(table->cells, size * sizeof(*cells));

		if (cells == NULL) {
			free(text);
			return;
		}
		table->cells = cells;
		table->size = size;
	}
	if (text != NULL)
		tame(text);
	table->cells[table->n_cells++] = text;
}

struct table *
table_create(const char *headers)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	if (headers == NULL) {
		table->n_columns = 2;
		return table;
	}
	while (table->n_columns < MAX_COLUMNS) {
		size_t len = strcspn(headers, "|");

		table->right[table->n_columns] = headers[0] == '>';
		put_cell(table,
			headers[0] == '>' ? strndup(headers + 1, len - 1) : strndup(headers, len));
		table->n_columns++;
		if (headers[len] == '\0')
			break;
		headers += len + 1;
	}
	return table;
}

void
table_put(struct table *table, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (table == NULL)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	put_cell(table, text);
}

void
table_put_pair(struct table *table, const char *name, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (table == NULL)
		return;
	put_cell(table, strdup(name));
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	put_cell(table, text);
}

static void
join_array(char *buf, size_t size, const json_t *array)
{
	size_t used = 0, i;
	const json_t *item;

	snprintf(buf, size, "%s", json_array_size(array) == 0 ? "-" : "");
	json_array_foreach(array, i, item) {
		int n = snprintf(buf + used, size - used, "%s%s", i == 0 ? "" : ",",
			json_is_string(item) ? json_string_value(item) : "?");

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

const char *
field_text(const json_t *object, const char *key)
{
	static char buffers[8][FIELD_TEXT];
	static unsigned int turn;
	char *buf = buffers[turn++ % 8];
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		snprintf(buf, FIELD_TEXT, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(buf, FIELD_TEXT, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(buf, FIELD_TEXT, "%.1f", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(buf, FIELD_TEXT, "%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		join_array(buf, FIELD_TEXT, value);
	else
		snprintf(buf, FIELD_TEXT, "-");
	return buf;
}

uint64_t
field_u64(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

void
table_put_field(struct table *table, const json_t *object, const char *key)
{
	table_put(table, "%s", field_text(object, key));
}

static const char *
cell(const struct table *table, size_t i)
{
	return i < table->n_cells && table->cells[i] != NULL ? table->cells[i] : "";
}

static void
print_row(const struct table *table, size_t first, const int *widths, unsigned int indent)
{
	unsigned int i;

	printf("%*s", (int)indent, "");
	for (i = 0; i < table->n_columns; i++) {
		const char *text = cell(table, first + i);
		int pad = widths[i] - text_width(text);

		/* Nothing is put behind the last column. */
		if (table->right[i])
			printf("%*s%s", pad, "", text);
		else
			printf("%s%*s", text, i + 1 < table->n_columns ? pad : 0, "");
		if (i + 1 < table->n_columns)
			printf("  ");
	}
	printf("\n");
}

void
table_print(struct table *table, unsigned int indent)
{
	int widths[MAX_COLUMNS] = {0};
	size_t i;

	if (table == NULL)
		return;
	for (i = 0; i < table->n_cells; i++) {
		int width = text_width(cell(table, i));
		int *widest = &widths[i % table->n_columns];

		if (width > *widest)
			*widest = width;
	}
	for (i = 0; i < table->n_cells; i += table->n_columns)
		print_row(table, i, widths, indent);
	for (i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}
