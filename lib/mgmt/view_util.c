/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* What all views use. */

#include <inttypes.h>
#include <stdio.h>

#include "mgmt/rpc.h"
#include "mgmt/view.h"

void
view_set_string(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text == NULL ? json_null() : rpc_string(text));
}

void
view_set_u64(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

void
view_set_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

void
view_set_hex(json_t *object, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	view_set_string(object, key, text);
}

json_t *
view_bits(uint64_t bits, const char *(*name)(unsigned int bit))
{
	json_t *names = json_array();
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		char unnamed[16];
		const char *text;

		if ((bits & (1ull << bit)) == 0)
			continue;
		text = name(bit);
		snprintf(unnamed, sizeof(unnamed), "bit_%u", bit);
		json_array_append_new(names, rpc_string(text != NULL ? text : unnamed));
	}
	return names;
}
