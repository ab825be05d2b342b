/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The index, and rte_cfgfile behind it. The scan that fills the index is scan.c. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "conf/ini.h"
#include "conf/text.h"

/* The cleaned "key=value" with its newline is a line that rte_cfgfile can hold. */
_Static_assert(CONF_VALUE_MAX < CFG_VALUE_LEN, "values are not cut");
_Static_assert(CONF_INI_HEADER_MAX <= CFG_NAME_LEN, "section names are not cut");

const struct conf_ini_kind_info conf_ini_kinds[] = {
	[CONF_INI_GLOBAL] = {"global", false, 1},
	[CONF_INI_PORT] = {"port", true, CONF_MAX_PORTS},
	[CONF_INI_WIRE] = {"wire", true, CONF_MAX_WIRES},
};

const unsigned int conf_ini_n_kinds = RTE_DIM(conf_ini_kinds);

struct conf_ini_header
conf_ini_header(const struct conf_ini_section *section)
{
	struct conf_ini_header header;

	snprintf(header.text, sizeof(header.text), "%s%s%s", conf_ini_kinds[section->kind].name,
		section->name[0] != '\0' ? " " : "", section->name);
	return header;
}

const struct conf_ini_section *
conf_ini_find(const struct conf_ini *ini, enum conf_ini_kind kind, const char *name)
{
	unsigned int i;

	for (i = 0; i < ini->n_sections; i++)
		if (ini->sections[i].kind == kind && strcmp(ini->sections[i].name, name) == 0)
			return &ini->sections[i];
	return NULL;
}

const struct conf_ini_entry *
conf_ini_find_entry(const struct conf_ini_section *section, const char *key)
{
	unsigned int i;

	for (i = 0; i < section->n_entries; i++)
		if (strcmp(section->entries[i].key, key) == 0)
			return &section->entries[i];
	return NULL;
}

unsigned int
conf_ini_line(const struct conf_ini_section *section, const char *key)
{
	const struct conf_ini_entry *entry = key != NULL ? conf_ini_find_entry(section, key) : NULL;

	return entry != NULL ? entry->line : section->line;
}

int
conf_ini_blame(const struct conf_ini *ini, const struct conf_ini_section *section, const char *key,
	const char *why, struct base_error *err)
{
	return base_error_set(err, EINVAL, "%s:%u: [%s] %s", ini->path, conf_ini_line(section, key),
		conf_ini_header(section).text, why);
}

/* One that stands nowhere in the cleaned copy: there are no comments in it. */
static char
ini_choose_comment_character(const struct conf_ini *ini)
{
	static const char candidates[] = {'!', '%', '@', ';', '#'};
	unsigned int i;

	for (i = 0; i < RTE_DIM(candidates); i++)
		if (memchr(ini->clean, candidates[i], ini->clean_len) == NULL)
			return candidates[i];
	return '\0';
}

static int
ini_write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
ini_load_fd(struct conf_ini *ini, int fd, struct base_error *err)
{
	struct rte_cfgfile_parameters params = {
		.comment_character = ini_choose_comment_character(ini),
	};
	char path[32];
	int ret;

	if (params.comment_character == '\0')
		return base_error_set(err, EINVAL,
			"%s: the values have all of ! %% @ ; # in them; expected one of these "
			"characters in no value",
			ini->path);
	ret = ini_write_all(fd, ini->clean, ini->clean_len);
	if (ret < 0)
		return base_error_set(
			err, -ret, "%s: cannot copy it to memory: %s", ini->path, strerror(-ret));
	/* rte_cfgfile wants a path. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ini->cfg = rte_cfgfile_load_with_params(path, 0, &params);
	if (ini->cfg == NULL)
		return base_error_set(err, EIO,
			"%s: rte_cfgfile cannot read the copy %s; expected /proc mounted, and free "
			"memory",
			ini->path, path);
	return 0;
}

int
conf_ini_load(struct conf_ini *ini, struct base_error *err)
{
	int fd = memfd_create("ringferry-conf", MFD_CLOEXEC);
	int ret;

	if (fd < 0) {
		ret = errno;
		return base_error_set(err, ret, "%s: memfd_create: %s", ini->path, strerror(ret));
	}
	ret = ini_load_fd(ini, fd, err);
	close(fd);
	return ret;
}

int
conf_ini_values(const struct conf_ini *ini, unsigned int section, struct rte_cfgfile_entry *values,
	struct base_error *err)
{
	const struct conf_ini_section *s = &ini->sections[section];
	char name[CFG_NAME_LEN];
	unsigned int i;
	int n;

	n = rte_cfgfile_section_entries_by_index(
		ini->cfg, (int)section, name, values, CONF_INI_KEYS_MAX);
	if (n < 0 || (unsigned int)n != s->n_entries || strcmp(name, conf_ini_header(s).text) != 0)
		return conf_ini_blame(ini, s, NULL, "rte_cfgfile has read another section", err);
	for (i = 0; i < s->n_entries; i++)
		if (strcmp(values[i].name, s->entries[i].key) != 0)
			return conf_ini_blame(
				ini, s, s->entries[i].key, "rte_cfgfile has read another key", err);
	return 0;
}

void
conf_ini_free(struct conf_ini *ini)
{
	unsigned int i;

	for (i = 0; i < ini->n_sections; i++)
		free(ini->sections[i].entries);
	free(ini->sections);
	free(ini->clean);
	if (ini->cfg != NULL)
		rte_cfgfile_close(ini->cfg);
	memset(ini, 0, sizeof(*ini));
}
