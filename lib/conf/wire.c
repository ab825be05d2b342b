/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "conf/keys.h"

void
conf_wire_defaults(struct conf_wire *wire, const char *name)
{
	memset(wire, 0, sizeof(*wire));
	snprintf(wire->name, sizeof(wire->name), "%s", name);
}

static int
parse_ports(const struct conf_key *key __rte_unused, const char *value, void *object,
	struct base_error *why)
{
	struct conf_wire *wire = object;
	char port[2][CONF_NAME_MAX];
	unsigned int i;

	for (i = 0; i < RTE_DIM(port); i++) {
		if (conf_text_next(&value, port[i], sizeof(port[i])) != 1)
			return -EINVAL;
		if (!conf_name_valid(port[i]))
			return base_error_set(why, EINVAL,
				"\"%s\" cannot be the name of a port; expected two names", port[i]);
	}
	if (value != NULL)
		return -EINVAL;
	if (strcmp(port[0], port[1]) == 0)
		return base_error_set(
			why, EINVAL, "the same port twice; expected two different ports");
	memcpy(wire->port, port, sizeof(wire->port));
	return 0;
}

static const struct conf_key wire_keys[] = {
	{
		.name = "ports",
		.types = CONF_KEY_ANY,
		.parse = parse_ports,
		.expected = "the names of two ports, such as vm1, up0",
	},
};

const struct conf_key_table conf_wire_keys = {
	.keys = wire_keys,
	.n_keys = RTE_DIM(wire_keys),
};

int
conf_wire_set(struct conf_wire *wire, const char *key, const char *value, struct base_error *err)
{
	return conf_key_set(&conf_wire_keys, CONF_KEY_ANY, "a wire", wire, key, value, err);
}

int
conf_wire_check(const struct conf_wire *wire, struct base_error *err)
{
	char expected[128];

	if (wire->port[0][0] != '\0')
		return 0;
	conf_key_expected(&wire_keys[0], expected, sizeof(expected));
	return base_error_set(err, EINVAL, "ports is missing; expected %s", expected);
}
