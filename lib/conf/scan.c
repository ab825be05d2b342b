/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The strict scan: syntax, and the line of everything. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "conf/ini.h"
#include "conf/text.h"

#define SECTIONS_BATCH 16

#define UTF8_BOM       "\xef\xbb\xbf"

/* A stretch of the file; not terminated. */
struct span {
	const char *text;
	size_t len;
};

struct scan {
	struct conf_ini *ini;
	FILE *clean;
	unsigned int line;
	struct base_error *err;
};

static struct conf_quote
span_quote(struct span s)
{
	return conf_text_quote(s.text, s.len);
}

#define SCAN_REFUSE(scan, fmt, ...) \
	base_error_set((scan)->err, EINVAL, "%s:%u: " fmt, (scan)->ini->path, (scan)->line, \
		##__VA_ARGS__)

static int
scan_no_memory(struct scan *scan)
{
	return base_error_set(scan->err, ENOMEM, "%s: out of memory", scan->ini->path);
}

static const char *
scan_kind_name(const void *set __rte_unused, unsigned int i)
{
	return i < conf_ini_n_kinds ? conf_ini_kinds[i].name : NULL;
}

/* The first word of what stands between the brackets, and the rest. */
static int
scan_split_header(struct scan *scan, struct span line, struct span *kind, struct span *name)
{
	const char *end = memchr(line.text, ']', line.len);

	if (end == NULL)
		return SCAN_REFUSE(scan, "%s: expected ] at the end of the section header",
			span_quote(line).text);
	if (end != line.text + line.len - 1)
		return SCAN_REFUSE(
			scan, "%s: expected nothing behind the ]", span_quote(line).text);
	*name = (struct span){line.text + 1, line.len - 2};
	conf_text_trim(&name->text, &name->len);
	kind->text = name->text;
	for (kind->len = 0; kind->len < name->len; kind->len++)
		if (kind->text[kind->len] == ' ' || kind->text[kind->len] == '\t')
			break;
	name->text += kind->len;
	name->len -= kind->len;
	conf_text_trim(&name->text, &name->len);
	return 0;
}

static int
scan_find_kind(struct scan *scan, struct span line, struct span kind)
{
	struct conf_quote typed = span_quote(kind);
	const char *nearest;
	unsigned int i;

	for (i = 0; i < conf_ini_n_kinds; i++)
		if (strcmp(conf_ini_kinds[i].name, typed.text) == 0)
			return (int)i;
	nearest = conf_text_nearest(typed.text, scan_kind_name, NULL);
	return SCAN_REFUSE(scan,
		"%s: unknown section%s%s%s; expected [global], [port NAME] or [wire NAME]",
		span_quote(line).text, nearest != NULL ? " (did you mean " : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "?)" : "");
}

static int
scan_check_name(struct scan *scan, struct span line, unsigned int kind, struct span name)
{
	char copy[CONF_NAME_MAX + 1];

	if (!conf_ini_kinds[kind].named) {
		if (name.len == 0)
			return 0;
		return SCAN_REFUSE(scan, "%s: expected [%s] without a name", span_quote(line).text,
			conf_ini_kinds[kind].name);
	}
	snprintf(copy, sizeof(copy), "%.*s", (int)RTE_MIN(name.len, sizeof(copy) - 1), name.text);
	if (conf_name_valid(copy))
		return 0;
	return SCAN_REFUSE(scan,
		"%s: expected a name of 1 to %d letters, digits, \"_\", \".\" or \"-\", the first "
		"a "
		"letter or digit",
		span_quote(line).text, CONF_NAME_MAX - 1);
}

static unsigned int
scan_count_sections(const struct conf_ini *ini, enum conf_ini_kind kind)
{
	unsigned int i, n = 0;

	for (i = 0; i < ini->n_sections; i++)
		n += ini->sections[i].kind == kind ? 1 : 0;
	return n;
}

static int
scan_add_section(struct scan *scan, const struct conf_ini_section *new)
{
	const struct conf_ini_section *first = conf_ini_find(scan->ini, new->kind, new->name);
	unsigned int limit = conf_ini_kinds[new->kind].max_sections;
	const struct conf_ini_header header = conf_ini_header(new);
	struct conf_ini *ini = scan->ini;
	struct conf_ini_section *grown;

	if (first != NULL)
		return SCAN_REFUSE(scan,
			"[%s]: this section begins on line %u already; expected it once",
			header.text, first->line);
	if (scan_count_sections(ini, new->kind) >= limit)
		return SCAN_REFUSE(scan, "[%s]: expected at most %u sections of this kind",
			header.text, limit);
	if (ini->n_sections % SECTIONS_BATCH == 0) {
		grown = reallocarray(
			ini->sections, ini->n_sections + SECTIONS_BATCH, sizeof(*ini->sections));
		if (grown == NULL)
			return scan_no_memory(scan);
		ini->sections = grown;
	}
	ini->sections[ini->n_sections++] = *new;
	fprintf(scan->clean, "[%s]\n", header.text);
	return 0;
}

static int
scan_header(struct scan *scan, struct span line)
{
	struct conf_ini_section new = {.line = scan->line};
	struct span kind = {NULL, 0}, name = {NULL, 0};
	int ret;

	ret = scan_split_header(scan, line, &kind, &name);
	if (ret < 0)
		return ret;
	ret = scan_find_kind(scan, line, kind);
	if (ret < 0)
		return ret;
	new.kind = (enum conf_ini_kind)ret;
	ret = scan_check_name(scan, line, new.kind, name);
	if (ret < 0)
		return ret;
	snprintf(new.name, sizeof(new.name), "%.*s", (int)name.len, name.text);
	return scan_add_section(scan, &new);
}

/* Tabs have done their work: a value has blanks. */
static void
scan_write_clean(struct scan *scan, const char *key, struct span value)
{
	size_t i;

	fprintf(scan->clean, "%s=", key);
	for (i = 0; i < value.len; i++)
		fputc(value.text[i] == '\t' ? ' ' : value.text[i], scan->clean);
	fputc('\n', scan->clean);
}

static int
scan_add_entry(struct scan *scan, struct span key, struct span value)
{
	struct conf_ini_section *section = &scan->ini->sections[scan->ini->n_sections - 1];
	const struct conf_ini_header header = conf_ini_header(section);
	struct conf_ini_entry new = {.line = scan->line};
	const struct conf_ini_entry *first;

	snprintf(new.key, sizeof(new.key), "%.*s", (int)key.len, key.text);
	first = conf_ini_find_entry(section, new.key);
	if (first != NULL)
		return SCAN_REFUSE(scan,
			"[%s] %s: this key stands on line %u already; expected it once",
			header.text, span_quote(key).text, first->line);
	if (section->n_entries == CONF_INI_KEYS_MAX)
		return SCAN_REFUSE(scan, "[%s] %s: expected at most %u keys in a section",
			header.text, span_quote(key).text, CONF_INI_KEYS_MAX);
	if (section->entries == NULL)
		section->entries = calloc(CONF_INI_KEYS_MAX, sizeof(*section->entries));
	if (section->entries == NULL)
		return scan_no_memory(scan);
	section->entries[section->n_entries++] = new;
	scan_write_clean(scan, new.key, value);
	return 0;
}

static int
scan_pair(struct scan *scan, struct span line)
{
	const char *equals = memchr(line.text, '=', line.len);
	const struct conf_ini *ini = scan->ini;
	struct span key, value;
	struct conf_ini_header header;

	if (equals == NULL)
		return SCAN_REFUSE(scan,
			"%s: expected \"key = value\", a section header or a comment",
			span_quote(line).text);
	key = (struct span){line.text, (size_t)(equals - line.text)};
	value = (struct span){equals + 1, line.len - key.len - 1};
	conf_text_trim(&key.text, &key.len);
	conf_text_trim(&value.text, &value.len);
	if (key.len == 0)
		return SCAN_REFUSE(scan, "%s: expected a key before the =", span_quote(line).text);
	if (ini->n_sections == 0)
		return SCAN_REFUSE(scan,
			"%s: a key before the first section; expected [global], [port NAME] or "
			"[wire NAME] first",
			span_quote(key).text);
	header = conf_ini_header(&ini->sections[ini->n_sections - 1]);
	if (key.len >= CFG_NAME_LEN)
		return SCAN_REFUSE(scan, "[%s] %s: expected a key of at most %u characters",
			header.text, span_quote(key).text, CFG_NAME_LEN - 1);
	if (value.len == 0)
		return SCAN_REFUSE(
			scan, "[%s] %s: expected a value", header.text, span_quote(key).text);
	if (value.len > CONF_VALUE_MAX)
		return SCAN_REFUSE(scan, "[%s] %s: a value of %zu characters; expected at most %u",
			header.text, span_quote(key).text, value.len, CONF_VALUE_MAX);
	return scan_add_entry(scan, key, value);
}

/* A comment begins at the start of a line, or behind a blank. */
static size_t
scan_find_comment(struct span line)
{
	size_t i;

	for (i = 0; i < line.len; i++) {
		if (line.text[i] != '#' && line.text[i] != ';')
			continue;
		if (i == 0 || line.text[i - 1] == ' ' || line.text[i - 1] == '\t')
			return i;
	}
	return line.len;
}

static int
scan_line(struct scan *scan, struct span line)
{
	size_t i;

	if (memchr(line.text, '\0', line.len) != NULL)
		return SCAN_REFUSE(scan, "a NUL byte; expected a text file");
	if (line.len > 0 && line.text[line.len - 1] == '\r')
		line.len--;
	line.len = scan_find_comment(line);
	for (i = 0; i < line.len; i++)
		if (!conf_text_printable(line.text[i]) && line.text[i] != '\t')
			return SCAN_REFUSE(scan,
				"byte 0x%02x in column %zu; expected printable ASCII outside of "
				"comments",
				(unsigned char)line.text[i], i + 1);
	conf_text_trim(&line.text, &line.len);
	if (line.len == 0)
		return 0;
	if (line.text[0] == '[')
		return scan_header(scan, line);
	return scan_pair(scan, line);
}

static int
scan_lines(struct scan *scan, struct span rest)
{
	int ret = 0;

	if (rest.len >= strlen(UTF8_BOM) && memcmp(rest.text, UTF8_BOM, strlen(UTF8_BOM)) == 0) {
		rest.text += strlen(UTF8_BOM);
		rest.len -= strlen(UTF8_BOM);
	}
	while (rest.len > 0 && ret == 0) {
		const char *newline = memchr(rest.text, '\n', rest.len);
		struct span line = {rest.text, rest.len};

		if (newline != NULL)
			line.len = (size_t)(newline - rest.text);
		scan->line++;
		ret = scan_line(scan, line);
		rest.text += line.len;
		rest.len -= line.len;
		if (newline != NULL) {
			rest.text++;
			rest.len--;
		}
	}
	return ret;
}

/* A path of any length leaves room for the sentence behind it. */
static void
scan_shorten_path(const char *path, char *buf, size_t size)
{
	size_t len = strlen(path);

	if (len < size)
		snprintf(buf, size, "%s", path);
	else
		snprintf(buf, size, "...%s", path + len - (size - sizeof("...")));
}

int
conf_ini_scan(struct conf_ini *ini, const char *path, const char *text, size_t len,
	struct base_error *err)
{
	struct scan scan = {.ini = ini, .err = err};
	int ret;

	memset(ini, 0, sizeof(*ini));
	scan_shorten_path(path, ini->path, sizeof(ini->path));
	scan.clean = open_memstream(&ini->clean, &ini->clean_len);
	if (scan.clean == NULL)
		return scan_no_memory(&scan);
	ret = scan_lines(&scan, (struct span){text, len});
	if (fclose(scan.clean) != 0 && ret == 0)
		ret = scan_no_memory(&scan);
	return ret;
}
