/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "conf/keys.h"

/* The keys of a table that an object of these types has. */
struct key_set {
	const struct conf_key_table *table;
	unsigned int types;
};

static void
key_store(const struct conf_key *key, void *object, uint32_t value)
{
	void *field = RTE_PTR_ADD(object, key->offset);
	uint8_t v8 = (uint8_t)value;
	uint16_t v16 = (uint16_t)value;

	switch (key->size) {
	case sizeof(v8):
		memcpy(field, &v8, sizeof(v8));
		break;
	case sizeof(v16):
		memcpy(field, &v16, sizeof(v16));
		break;
	default:
		memcpy(field, &value, sizeof(value));
		break;
	}
}

static int
key_parse_digits(const struct conf_key *key, const char *value, unsigned int base, void *object)
{
	uint64_t n;

	if (!conf_text_number(value, base, &n) || n < key->min || n > key->max)
		return -EINVAL;
	key_store(key, object, (uint32_t)n);
	return 0;
}

int
conf_key_parse_number(const struct conf_key *key, const char *value, void *object,
	struct base_error *why __rte_unused)
{
	return key_parse_digits(key, value, 10, object);
}

int
conf_key_parse_octal(const struct conf_key *key, const char *value, void *object,
	struct base_error *why __rte_unused)
{
	return key_parse_digits(key, value, 8, object);
}

int
conf_key_parse_choice(const struct conf_key *key, const char *value, void *object,
	struct base_error *why __rte_unused)
{
	uint32_t i;

	for (i = 0; key->choices[i] != NULL; i++) {
		if (strcmp(value, key->choices[i]) != 0)
			continue;
		key_store(key, object, i);
		return 0;
	}
	return -EINVAL;
}

/* Append to a text; what does not fit is cut. */
static void
key_append(char *buf, size_t size, const char *glue, const char *word)
{
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s%s", glue, word);
}

void
conf_key_expected(const struct conf_key *key, char *buf, size_t size)
{
	unsigned int i;

	buf[0] = '\0';
	if (key->expected != NULL) {
		snprintf(buf, size, "%s", key->expected);
	} else if (key->choices != NULL) {
		for (i = 0; key->choices[i] != NULL; i++) {
			const char *glue = key->choices[i + 1] != NULL ? ", " : " or ";

			key_append(buf, size, i == 0 ? "" : glue, key->choices[i]);
		}
	} else {
		snprintf(buf, size, "a number from %u to %u", key->min, key->max);
	}
}

const struct conf_key *
conf_key_find(const struct conf_key_table *table, const char *name)
{
	unsigned int i;

	for (i = 0; i < table->n_keys; i++)
		if (strcmp(table->keys[i].name, name) == 0)
			return &table->keys[i];
	return NULL;
}

static const char *
key_set_name(const void *set, unsigned int i)
{
	const struct key_set *s = set;
	unsigned int k;

	for (k = 0; k < s->table->n_keys; k++)
		if ((s->table->keys[k].types & s->types) != 0 && i-- == 0)
			return s->table->keys[k].name;
	return NULL;
}

static int
key_refuse_name(
	const struct key_set *set, const char *whose, const char *key, struct base_error *err)
{
	bool elsewhere = conf_key_find(set->table, key) != NULL;
	const char *nearest = elsewhere ? NULL : conf_text_nearest(key, key_set_name, set);
	char known[192] = "";
	const char *name;
	unsigned int i;

	for (i = 0; (name = key_set_name(set, i)) != NULL; i++)
		key_append(known, sizeof(known), i == 0 ? "" : ", ", name);
	return base_error_set(err, EINVAL, "%s: %s %s%s%s%s; expected one of: %s",
		conf_text_quote(key, strlen(key)).text,
		elsewhere ? "not a key of" : "unknown key of", whose,
		nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "?)" : "", known);
}

/* The values from the file have passed this already, those from the socket have not. */
static int
key_check_value(const char *value, struct base_error *why)
{
	const char *c;

	for (c = value; *c != '\0'; c++)
		if (!conf_text_printable(*c))
			return base_error_set(why, EINVAL, "expected printable ASCII");
	if (c == value)
		return base_error_set(why, EINVAL, "expected a value");
	if (c - value > CONF_VALUE_MAX)
		return base_error_set(
			why, EINVAL, "expected at most %u characters", CONF_VALUE_MAX);
	return 0;
}

int
conf_key_set(const struct conf_key_table *table, unsigned int types, const char *whose,
	void *object, const char *key, const char *value, struct base_error *err)
{
	const struct key_set set = {.table = table, .types = types};
	const struct conf_key *k = conf_key_find(table, key);
	struct base_error why = {.text = ""};
	char expected[sizeof(why.text) / 2];
	int ret;

	if (k == NULL || (k->types & types) == 0)
		return key_refuse_name(&set, whose, key, err);
	ret = key_check_value(value, &why);
	if (ret == 0)
		ret = k->parse(k, value, object, &why);
	if (ret == 0)
		return 0;
	conf_key_expected(k, expected, sizeof(expected));
	return base_error_set(err, -ret, "%s = %s: %s%s", key,
		conf_text_quote(value, strlen(value)).text,
		why.text[0] != '\0' ? why.text : "expected ", why.text[0] != '\0' ? "" : expected);
}
