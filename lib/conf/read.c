/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* From the file to struct conf. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/ini.h"
#include "conf/keys.h"

static int
read_error(const char *path, int code, struct base_error *err)
{
	return base_error_set(err, code, "%s: %s", path, strerror(code));
}

/* Up to size bytes, fewer at the end of the file. */
static ssize_t
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* The file's text, to be given back with free(). */
static int
read_text(const char *path, int fd, char **text, size_t *len, struct base_error *err)
{
	struct stat st;
	size_t size;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return read_error(path, errno, err);
	if (!S_ISREG(st.st_mode))
		return base_error_set(err, EINVAL, "%s: expected a regular file", path);
	if (st.st_size > CONF_INI_FILE_MAX)
		return base_error_set(
			err, EINVAL, "%s: expected at most %u bytes", path, CONF_INI_FILE_MAX);
	/* The byte too many tells whether somebody is writing to the file. */
	size = (size_t)st.st_size + 1;
	*text = malloc(size);
	if (*text == NULL)
		return read_error(path, ENOMEM, err);
	n = read_all(fd, *text, size);
	if (n < 0)
		return read_error(path, (int)-n, err);
	if ((size_t)n == size)
		return base_error_set(err, EINVAL,
			"%s: it grew while it was read; expected a file at rest", path);
	*len = (size_t)n;
	return 0;
}

static int
read_entry(const struct conf_ini *ini, const struct conf_ini_section *section, struct conf *conf,
	void *object, const struct rte_cfgfile_entry *entry, struct base_error *err)
{
	struct base_error why = {.text = ""};
	int ret;

	switch (section->kind) {
	case CONF_INI_PORT:
		ret = conf_port_set(object, entry->name, entry->value, &why);
		break;
	case CONF_INI_WIRE:
		ret = conf_wire_set(object, entry->name, entry->value, &why);
		break;
	case CONF_INI_GLOBAL:
	default:
		ret = conf_global_set(&conf->global, entry->name, entry->value, &why);
		break;
	}
	if (ret == 0)
		return 0;
	return conf_ini_blame(ini, section, entry->name, why.text, err);
}

/* A new port or wire of this name, NULL for [global]. */
static void *
read_new_object(const struct conf_ini_section *section, struct conf *conf)
{
	struct conf_port *port;
	struct conf_wire *wire;

	switch (section->kind) {
	case CONF_INI_PORT:
		port = &conf->ports[conf->n_ports++];
		conf_port_defaults(port, section->name);
		port->line = section->line;
		return port;
	case CONF_INI_WIRE:
		wire = &conf->wires[conf->n_wires++];
		conf_wire_defaults(wire, section->name);
		wire->line = section->line;
		return wire;
	case CONF_INI_GLOBAL:
	default:
		if (conf_ini_find_entry(section, "data-lcores") != NULL)
			conf->global.data_cpus_line = conf_ini_line(section, "data-lcores");
		if (conf_ini_find_entry(section, "management-lcore") != NULL)
			conf->global.management_cpu_line = conf_ini_line(
				section, "management-lcore");
		return NULL;
	}
}

static int
read_section(
	const struct conf_ini *ini, unsigned int index, struct conf *conf, struct base_error *err)
{
	const struct conf_ini_section *section = &ini->sections[index];
	void *object = read_new_object(section, conf);
	struct rte_cfgfile_entry values[CONF_INI_KEYS_MAX];
	unsigned int pass, i;
	int ret;

	ret = conf_ini_values(ini, index, values, err);
	/* The type of a port decides on its other keys, wherever it stands. */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < section->n_entries && ret == 0; i++)
			if ((strcmp(values[i].name, "type") == 0) == (pass == 0))
				ret = read_entry(ini, section, conf, object, &values[i], err);
		if (ret == 0 && pass == 0 && section->kind == CONF_INI_PORT &&
			conf_ini_find_entry(section, "type") == NULL)
			return conf_ini_blame(ini, section, NULL,
				"type is missing; expected type = vhost or ethdev", err);
	}
	return ret;
}

static int
read_check_complete(const struct conf_ini *ini, struct conf *conf, struct base_error *err)
{
	struct base_error why;
	const char *key;
	unsigned int i;
	int ret;

	for (i = 0; i < conf->n_ports; i++) {
		ret = conf_port_check(&conf->ports[i], conf->global.run_directory, &key, &why);
		if (ret < 0)
			return conf_ini_blame(ini,
				conf_ini_find(ini, CONF_INI_PORT, conf->ports[i].name), key,
				why.text, err);
	}
	for (i = 0; i < conf->n_wires; i++) {
		ret = conf_wire_check(&conf->wires[i], &why);
		if (ret < 0)
			return conf_ini_blame(ini,
				conf_ini_find(ini, CONF_INI_WIRE, conf->wires[i].name), NULL,
				why.text, err);
	}
	return 0;
}

static int
read_sections(const struct conf_ini *ini, struct conf *conf, struct base_error *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ini->n_sections && ret == 0; i++)
		ret = read_section(ini, i, conf, err);
	if (ret == 0)
		ret = read_check_complete(ini, conf, err);
	if (ret == 0)
		ret = conf_check_all(conf, ini, err);
	return ret;
}

static int
read_allocate(
	const char *path, const struct conf_ini *ini, struct conf *conf, struct base_error *err)
{
	/* At least one of each, since calloc() may answer NULL to none. */
	conf->ports = calloc(ini->n_sections + 1, sizeof(*conf->ports));
	conf->wires = calloc(ini->n_sections + 1, sizeof(*conf->wires));
	conf->path = strdup(path);
	if (conf->ports == NULL || conf->wires == NULL || conf->path == NULL)
		return read_error(path, ENOMEM, err);
	conf_global_defaults(&conf->global);
	return 0;
}

static int
read_parse(
	const char *path, const char *text, size_t len, struct conf *conf, struct base_error *err)
{
	struct conf_ini ini;
	int ret;

	ret = conf_ini_scan(&ini, path, text, len, err);
	if (ret == 0)
		ret = conf_ini_load(&ini, err);
	if (ret == 0)
		ret = read_allocate(path, &ini, conf, err);
	if (ret == 0)
		ret = read_sections(&ini, conf, err);
	conf_ini_free(&ini);
	return ret;
}

int
conf_read_file(const char *path, struct conf *out, struct base_error *err)
{
	char *text = NULL;
	size_t len = 0;
	int fd, ret;

	memset(out, 0, sizeof(*out));
	/* Not blocking: a FIFO would hold us up before we could refuse it. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return read_error(path, errno, err);
	ret = read_text(path, fd, &text, &len, err);
	close(fd);
	if (ret == 0)
		ret = read_parse(path, text, len, out, err);
	free(text);
	if (ret < 0)
		conf_free(out);
	return ret;
}

void
conf_free(struct conf *conf)
{
	free(conf->path);
	free(conf->ports);
	free(conf->wires);
	memset(conf, 0, sizeof(*conf));
}
