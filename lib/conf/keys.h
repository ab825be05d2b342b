/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * conf, private: keys as tables.
 *
 * What a section may contain is a table of keys. A key has a name, the kinds
 * of object it is for, a parser, the field it fills, and its limits. The file
 * and the management socket go through the same table.
 */

#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "base/err.h"
#include "conf/conf.h"
#include "conf/text.h"

#define CONF_VALUE_MAX 255 /* what rte_cfgfile holds */

/* Bits of conf_key.types: which kinds of port have this key. */
#define CONF_KEY_VHOST	(1u << CONF_PORT_VHOST)
#define CONF_KEY_ETHDEV (1u << CONF_PORT_ETHDEV)
#define CONF_KEY_ANY	(CONF_KEY_VHOST | CONF_KEY_ETHDEV)

struct conf_key {
	const char *name;
	unsigned int types; /**< CONF_KEY_... */

	/**
	 * Set the field from a value; leave the object alone on failure.
	 * What is wrong may be put into `why`; if it is left empty, the
	 * expected text is used.
	 */
	int (*parse)(const struct conf_key *key, const char *value, void *object,
		struct base_error *why);
	size_t offset; /**< of the field in the object */
	size_t size;   /**< of the field */
	uint32_t min;  /**< numbers */
	uint32_t max;
	const char *const *choices; /**< words, indexed by value, NULL at the end */
	const char *expected;	    /**< NULL: made of the limits or the words */
};

#define CONF_FIELD(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)

struct conf_key_table {
	const struct conf_key *keys;
	unsigned int n_keys;
};

extern const struct conf_key_table conf_global_keys;
extern const struct conf_key_table conf_port_keys;
extern const struct conf_key_table conf_wire_keys;

/** Generic parsers. */
int conf_key_parse_number(
	const struct conf_key *key, const char *value, void *object, struct base_error *why);
int conf_key_parse_octal(
	const struct conf_key *key, const char *value, void *object, struct base_error *why);
int conf_key_parse_choice(
	const struct conf_key *key, const char *value, void *object, struct base_error *why);

/** "a number from 1 to 8", "poll or yield". */
void conf_key_expected(const struct conf_key *key, char *buf, size_t size);

/** The key of this name whatever it is for, or NULL. */
const struct conf_key *conf_key_find(const struct conf_key_table *table, const char *name);

/**
 * Look a key up and set it.
 *
 * @param types the keys there are for this object, CONF_KEY_...
 * @param whose "a vhost port", for the error about a key of another type.
 * @return 0; -EINVAL with "KEY = VALUE: ..." or "KEY: unknown key...".
 */
int conf_key_set(const struct conf_key_table *table, unsigned int types, const char *whose,
	void *object, const char *key, const char *value, struct base_error *err);

/** "[+-]NAME,..." to feature bits. @return 0; -EINVAL with a sentence in `why`. */
int conf_features_parse(const char *value, uint32_t *out, struct base_error *why);

/** All that a vhost port may offer. */
uint32_t conf_features_default(void);

/**
 * Check what one port's settings are worth together, and resolve its socket.
 *
 * @param[out] key the key to blame, NULL for the port as such.
 */
int conf_port_check(struct conf_port *port, const char *run_directory, const char **key,
	struct base_error *err);

/** Check that a wire is complete. @return 0; -EINVAL with a sentence. */
int conf_wire_check(const struct conf_wire *wire, struct base_error *err);

int conf_global_set(
	struct conf_global *global, const char *key, const char *value, struct base_error *err);

#endif /* CONF_KEYS_H */
