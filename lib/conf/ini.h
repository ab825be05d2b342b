/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * conf, private: the INI file, line by line.
 *
 * rte_cfgfile reads the values, but it knows no lines, cuts what is too long,
 * skips lines it does not understand, takes duplicates and has one comment
 * character. So a strict scan goes first. It refuses what rte_cfgfile would
 * mangle, remembers the line of each section and key, and writes a cleaned
 * copy without comments. Only this copy is given to rte_cfgfile.
 */

#ifndef CONF_INI_H
#define CONF_INI_H

#include <rte_cfgfile.h>

#include "base/err.h"
#include "conf/conf.h"
#include "conf/keys.h"

#define CONF_INI_FILE_MAX   (1024 * 1024) /* bytes */
#define CONF_INI_KEYS_MAX   32		  /* in a section; more than there are keys */
#define CONF_INI_PATH_MAX   160
#define CONF_INI_HEADER_MAX (CONF_NAME_MAX + 8)

enum conf_ini_kind {
	CONF_INI_GLOBAL,
	CONF_INI_PORT,
	CONF_INI_WIRE,
};

struct conf_ini_kind_info {
	const char *name;
	bool named; /**< is a name expected behind it? */
	unsigned int max_sections;
};

/** By enum conf_ini_kind. */
extern const struct conf_ini_kind_info conf_ini_kinds[];
extern const unsigned int conf_ini_n_kinds;

/** "kind name" */
struct conf_ini_header {
	char text[CONF_INI_HEADER_MAX];
};

struct conf_ini_entry {
	char key[CFG_NAME_LEN];
	unsigned int line;
};

struct conf_ini_section {
	enum conf_ini_kind kind;
	char name[CONF_NAME_MAX]; /**< empty for [global] */
	unsigned int line;
	unsigned int n_entries;
	struct conf_ini_entry *entries;
};

struct conf_ini {
	char path[CONF_INI_PATH_MAX]; /**< as errors show it */
	struct conf_ini_section *sections;
	unsigned int n_sections;
	char *clean; /**< the copy for rte_cfgfile */
	size_t clean_len;
	struct rte_cfgfile *cfg; /**< its sections have the order of ours */
};

/**
 * Scan a text and index it. conf_ini_free() is due whatever comes back.
 *
 * @return 0; -EINVAL with "PATH:LINE: ..."; -ENOMEM.
 */
int conf_ini_scan(struct conf_ini *ini, const char *path, const char *text, size_t len,
	struct base_error *err);

/**
 * Give the cleaned copy to rte_cfgfile.
 *
 * @return 0; -errno with "PATH: ...".
 */
int conf_ini_load(struct conf_ini *ini, struct base_error *err);

/**
 * The values of a section, in the order of its entries.
 *
 * @param[out] values room for CONF_INI_KEYS_MAX.
 * @return 0; -EINVAL if rte_cfgfile has read something else than we have.
 */
int conf_ini_values(const struct conf_ini *ini, unsigned int section,
	struct rte_cfgfile_entry *values, struct base_error *err);

void conf_ini_free(struct conf_ini *ini);

/** The section, or NULL. */
const struct conf_ini_section *conf_ini_find(
	const struct conf_ini *ini, enum conf_ini_kind kind, const char *name);

/** The entry, or NULL. */
const struct conf_ini_entry *conf_ini_find_entry(
	const struct conf_ini_section *section, const char *key);

struct conf_ini_header conf_ini_header(const struct conf_ini_section *section);

/** The line of a key; of the section's header if the key is not there, or NULL. */
unsigned int conf_ini_line(const struct conf_ini_section *section, const char *key);

/** Set "PATH:LINE: [kind name] why" for a key of a section, see conf_ini_line(). @return -EINVAL */
int conf_ini_blame(const struct conf_ini *ini, const struct conf_ini_section *section,
	const char *key, const char *why, struct base_error *err);

/**
 * The cross-checks: names that are used, and things that two may not share.
 *
 * @return 0; -EINVAL with "PATH:LINE: ...".
 */
int conf_check_all(const struct conf *conf, const struct conf_ini *ini, struct base_error *err);

#endif /* CONF_INI_H */
