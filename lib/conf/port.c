/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "conf/keys.h"

#define DEFAULT_MTU	    1500
#define DEFAULT_SOCKET_MODE 0660

#define DEVICE_NAME_MAX	    64 /* what EAL holds, with the NUL */

static const char *const port_type_names[] = {
	[CONF_PORT_VHOST] = "vhost",
	[CONF_PORT_ETHDEV] = "ethdev",
	NULL,
};

/* By type, for errors. */
static const char *const port_type_articles[] = {
	[CONF_PORT_VHOST] = "a vhost port",
	[CONF_PORT_ETHDEV] = "an ethdev port",
};

static const char *const port_required_keys[] = {
	[CONF_PORT_VHOST] = "socket",
	[CONF_PORT_ETHDEV] = "device",
};

/* By conf_port.client and conf_port.reconnect. */
static const char *const mode_names[] = {"server", "client", NULL};
static const char *const no_yes_names[] = {"no", "yes", NULL};

const char *
conf_port_type_name(enum conf_port_type type)
{
	if ((unsigned int)type >= RTE_DIM(port_type_names) - 1)
		return "?";
	return port_type_names[type];
}

bool
conf_name_valid(const char *name)
{
	size_t len = strnlen(name, CONF_NAME_MAX);
	size_t i;

	if (len == 0 || len >= CONF_NAME_MAX || !isascii(name[0]) || !isalnum(name[0]))
		return false;
	for (i = 1; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && strchr("_.-", name[i]) == NULL))
			return false;
	return true;
}

void
conf_port_defaults(struct conf_port *port, const char *name)
{
	memset(port, 0, sizeof(*port));
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->mtu = DEFAULT_MTU;
	port->queues = 1;
	port->reconnect = true;
	port->features = conf_features_default();
	port->socket_mode = DEFAULT_SOCKET_MODE;
}

static int
parse_socket(const struct conf_key *key __rte_unused, const char *value, void *object,
	struct base_error *why __rte_unused)
{
	struct conf_port *port = object;
	size_t len = strlen(value);

	if (len >= sizeof(port->socket) || value[len - 1] == '/')
		return -EINVAL;
	snprintf(port->socket, sizeof(port->socket), "%s", value);
	return 0;
}

static int
parse_features(const struct conf_key *key __rte_unused, const char *value, void *object,
	struct base_error *why)
{
	struct conf_port *port = object;

	return conf_features_parse(value, &port->features, why);
}

/* Take 1..max hexadecimal digits off a text. */
static bool
take_hex(const char **text, unsigned int max, uint32_t *out)
{
	unsigned int n;

	*out = 0;
	for (n = 0; n < max && isascii(**text) && isxdigit(**text); n++, (*text)++) {
		char c = (char)tolower(**text);

		*out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return n > 0;
}

static bool
take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* [DOMAIN:]BUS:DEVICE.FUNCTION, written in one form so that two can be compared. */
static bool
device_write_pci(const char *text, char *buf, size_t size)
{
	uint32_t field[4] = {0}; /* domain, bus, device, function */
	const char *p;

	for (p = text; *p != '\0' && *p != ':'; p++)
		;
	if (*p == ':' && strchr(p + 1, ':') != NULL) {
		if (!take_hex(&text, 8, &field[0]) || !take_char(&text, ':'))
			return false;
	}
	if (!take_hex(&text, 2, &field[1]) || !take_char(&text, ':') ||
		!take_hex(&text, 2, &field[2]) || !take_char(&text, '.') ||
		!take_hex(&text, 1, &field[3]) || *text != '\0')
		return false;
	if (field[2] > 0x1f || field[3] > 7)
		return false;
	snprintf(buf, size, "%04x:%02x:%02x.%x", field[0], field[1], field[2], field[3]);
	return true;
}

/* What identifies a device: the text before the first comma. */
static bool
device_write_identity(const char *device, char *buf, size_t size)
{
	size_t len = strcspn(device, ",");
	char token[DEVICE_NAME_MAX];
	size_t i;

	if (len == 0 || len >= sizeof(token))
		return false;
	memcpy(token, device, len);
	token[len] = '\0';
	if (device_write_pci(token, buf, size))
		return true;
	if (!isascii(token[0]) || !isalpha(token[0]))
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(token[i]) || (!isalnum(token[i]) && strchr("_.-", token[i]) == NULL))
			return false;
	snprintf(buf, size, "%s", token);
	return true;
}

bool
conf_device_same(const char *a, const char *b)
{
	char identity_a[DEVICE_NAME_MAX];
	char identity_b[DEVICE_NAME_MAX];

	return device_write_identity(a, identity_a, sizeof(identity_a)) &&
		device_write_identity(b, identity_b, sizeof(identity_b)) &&
		strcmp(identity_a, identity_b) == 0;
}

static int
parse_device(const struct conf_key *key __rte_unused, const char *value, void *object,
	struct base_error *why)
{
	struct conf_port *port = object;
	char identity[DEVICE_NAME_MAX];

	if (!device_write_identity(value, identity, sizeof(identity)))
		return -EINVAL;
	if (strchr(value, ' ') != NULL)
		return base_error_set(why, EINVAL, "expected device arguments without blanks");
	snprintf(port->device, sizeof(port->device), "%s", value);
	return 0;
}

/* The order is the one in which errors and the documentation list them. */
static const struct conf_key port_keys[] = {
	{
		.name = "type",
		.types = CONF_KEY_ANY,
		.parse = conf_key_parse_choice,
		CONF_FIELD(struct conf_port, type),
		.choices = port_type_names,
	},
	{
		.name = "socket",
		.types = CONF_KEY_VHOST,
		.parse = parse_socket,
		.expected = "the path of a socket, at most 107 characters",
	},
	{
		.name = "mode",
		.types = CONF_KEY_VHOST,
		.parse = conf_key_parse_choice,
		CONF_FIELD(struct conf_port, client),
		.choices = mode_names,
	},
	{
		.name = "reconnect",
		.types = CONF_KEY_VHOST,
		.parse = conf_key_parse_choice,
		CONF_FIELD(struct conf_port, reconnect),
		.choices = no_yes_names,
	},
	{
		.name = "queue-pairs",
		.types = CONF_KEY_VHOST,
		.parse = conf_key_parse_number,
		CONF_FIELD(struct conf_port, queues),
		.min = 1,
		.max = CONF_MAX_QUEUE_PAIRS,
	},
	{
		.name = "features",
		.types = CONF_KEY_VHOST,
		.parse = parse_features,
		.expected =
			"default, none, a list of mrg_rxbuf, indirect_desc, event_idx, in_order, "
			"mq, mtu, guest_announce, or a list of -NAME",
	},
	{
		.name = "socket-mode",
		.types = CONF_KEY_VHOST,
		.parse = conf_key_parse_octal,
		CONF_FIELD(struct conf_port, socket_mode),
		.max = 0777,
		.expected = "an octal number from 0 to 0777",
	},
	{
		.name = "device",
		.types = CONF_KEY_ETHDEV,
		.parse = parse_device,
		.expected = "a PCI address such as 0000:03:00.0 or a virtual device such as "
			    "net_tap0,iface=rf0",
	},
	{
		.name = "queues",
		.types = CONF_KEY_ETHDEV,
		.parse = conf_key_parse_number,
		CONF_FIELD(struct conf_port, queues),
		.min = 1,
		.max = CONF_MAX_QUEUES,
	},
	{
		.name = "mtu",
		.types = CONF_KEY_ANY,
		.parse = conf_key_parse_number,
		CONF_FIELD(struct conf_port, mtu),
		.min = CONF_MTU_MIN,
		.max = CONF_MTU_MAX,
	},
};

_Static_assert(CONF_SOCKET_MAX == 108, "the text says 107");
_Static_assert(RTE_DIM(port_keys) <= 32, "conf_port.keys_present has a bit for each key");

const struct conf_key_table conf_port_keys = {
	.keys = port_keys,
	.n_keys = RTE_DIM(port_keys),
};

static bool
port_has_key(const struct conf_port *port, const char *name)
{
	const struct conf_key *key = conf_key_find(&conf_port_keys, name);

	return key != NULL && (port->keys_present & (1u << (key - port_keys))) != 0;
}

int
conf_port_set(struct conf_port *port, const char *key, const char *value, struct base_error *err)
{
	const struct conf_key *k = conf_key_find(&conf_port_keys, key);
	bool typed = port_has_key(port, "type");
	int ret;

	if (strcmp(key, "type") == 0 && typed)
		return base_error_set(
			err, EINVAL, "type: this is %s already", port_type_articles[port->type]);
	if (strcmp(key, "type") != 0 && !typed && k != NULL)
		return base_error_set(err, EINVAL,
			"%s: which keys there are depends on the type; expected type = vhost or "
			"ethdev first",
			key);
	ret = conf_key_set(&conf_port_keys, typed ? 1u << port->type : CONF_KEY_ANY,
		typed ? port_type_articles[port->type] : "a port", port, key, value, err);
	if (ret == 0)
		port->keys_present |= 1u << (k - port_keys);
	return ret;
}

/* Make "//" and "/./" one slash, so that two spellings of a path compare equal. */
static void
path_squeeze(char *path)
{
	const char *from = path;
	char *to = path;

	while (*from != '\0') {
		if (from[0] == '/' && from[1] == '/')
			from++;
		else if (from[0] == '/' && from[1] == '.' && from[2] == '/')
			from += 2;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

static int
port_resolve_socket(struct conf_port *port, const char *run_directory, struct base_error *err)
{
	char path[PATH_MAX + CONF_SOCKET_MAX + 1];
	char control[PATH_MAX + sizeof("/" CONF_CONTROL_SOCKET)];

	if (port->socket[0] == '/')
		snprintf(path, sizeof(path), "%s", port->socket);
	else
		snprintf(path, sizeof(path), "%s/%s", run_directory, port->socket);
	path_squeeze(path);
	snprintf(control, sizeof(control), "%s/%s", run_directory, CONF_CONTROL_SOCKET);
	path_squeeze(control);
	if (strlen(path) >= sizeof(port->socket))
		return base_error_set(err, ENAMETOOLONG,
			"socket = %s: with run-directory %zu characters; expected at most %zu",
			conf_text_quote(port->socket, strlen(port->socket)).text, strlen(path),
			sizeof(port->socket) - 1);
	if (strcmp(path, control) == 0)
		return base_error_set(err, EINVAL,
			"socket = %s: this is the management socket; expected another path",
			conf_text_quote(port->socket, strlen(port->socket)).text);
	memcpy(port->socket, path, strlen(path) + 1);
	return 0;
}

static int
port_check_vhost(
	struct conf_port *port, const char *run_directory, const char **key, struct base_error *err)
{
	*key = "reconnect";
	if (!port->client && port_has_key(port, *key))
		return base_error_set(err, EINVAL,
			"reconnect: a server does not connect; expected it with mode = client "
			"only");
	*key = "socket-mode";
	if (port->client && port_has_key(port, *key))
		return base_error_set(err, EINVAL,
			"socket-mode: a client does not make the socket; expected it with mode = "
			"server only");
	*key = "queue-pairs";
	if (port->queues > 1 && (port->features & (1u << CONF_FEATURE_MQ)) == 0)
		return base_error_set(err, EINVAL,
			"queue-pairs = %u: more than one pair needs the feature mq; expected 1, or "
			"mq among the features",
			port->queues);
	*key = "socket";
	return port_resolve_socket(port, run_directory, err);
}

int
conf_port_check(
	struct conf_port *port, const char *run_directory, const char **key, struct base_error *err)
{
	const char *required;
	char expected[128];

	*key = NULL;
	if (!port_has_key(port, "type"))
		return base_error_set(
			err, EINVAL, "type is missing; expected type = vhost or ethdev");
	required = port_required_keys[port->type];
	if (!port_has_key(port, required)) {
		conf_key_expected(
			conf_key_find(&conf_port_keys, required), expected, sizeof(expected));
		return base_error_set(
			err, EINVAL, "%s is missing; expected %s", required, expected);
	}
	if (port->type == CONF_PORT_VHOST)
		return port_check_vhost(port, run_directory, key, err);
	return 0;
}

int
conf_port_resolve(struct conf_port *port, const char *run_directory, struct base_error *err)
{
	const char *key;

	return conf_port_check(port, run_directory, &key, err);
}
