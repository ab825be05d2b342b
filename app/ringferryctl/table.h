/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * ringferryctl: tables of text with aligned columns.
 *
 * A table takes cells, row by row, and is printed at the end. Bytes that a
 * terminal would obey are replaced. Without memory a cell is left empty.
 */

#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdint.h>

#include <jansson.h>

struct table;

/**
 * @param headers separated by '|'; one that begins with '>' is aligned to the right.
 *     NULL: two columns without headers, a name and a value.
 * @return NULL without memory, which all functions here take.
 */
struct table *table_create(const char *headers);

/** The next cell. */
void table_put(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The next cell from a field of an object: null or missing is "-", true is "yes". */
void table_put_field(struct table *table, const json_t *object, const char *key);

/** A row of two cells. */
void table_put_pair(struct table *table, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Print to standard output, each line indented, and free. */
void table_print(struct table *table, unsigned int indent);

/** A field as text in a buffer that the eighth call after this one uses again. */
const char *field_text(const json_t *object, const char *key);

/** A field of an object as a number, 0 if there is none. */
uint64_t field_u64(const json_t *object, const char *key);

#endif /* CTL_TABLE_H */
