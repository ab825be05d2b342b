/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "conf/conf.h"

/* Large enough for any kernel: its own limit of CPUs may be above CONF_CPU_MAX. */
#define AFFINITY_CPUS 8192

struct affinity {
	unsigned long bits[AFFINITY_CPUS / (8 * sizeof(unsigned long))];
};

static bool
affinity_has(const struct affinity *a, unsigned int cpu)
{
	return CPU_ISSET_S(cpu, sizeof(*a), (const cpu_set_t *)a->bits);
}

/* "0-1,4"; what does not fit is cut. */
static void
affinity_write(const struct affinity *a, char *buf, size_t size)
{
	unsigned int first, last;
	size_t len = 0;

	buf[0] = '\0';
	for (first = 0; first < AFFINITY_CPUS && len < size; first = last + 1) {
		last = first;
		if (!affinity_has(a, first))
			continue;
		while (last + 1 < AFFINITY_CPUS && affinity_has(a, last + 1))
			last++;
		len += (size_t)snprintf(buf + len, size - len, first == last ? "%s%u" : "%s%u-%u",
			len > 0 ? "," : "", first, last);
	}
}

static int
host_check_cpu(const struct conf *conf, const struct affinity *a, const char *key,
	unsigned int line, unsigned int cpu, struct base_error *err)
{
	char where[PATH_MAX + 16] = "";
	char cpus[96];

	if (affinity_has(a, cpu))
		return 0;
	affinity_write(a, cpus, sizeof(cpus));
	if (conf->path != NULL && line != 0)
		snprintf(where, sizeof(where), "%s:%u: ", conf->path, line);
	return base_error_set(err, EINVAL,
		"%s[global] %s: CPU %u is not there for this process; expected some of %s", where,
		key, cpu, cpus);
}

int
conf_check_host(const struct conf *conf, struct base_error *err)
{
	const struct conf_global *global = &conf->global;
	struct affinity a;
	unsigned int i;
	int ret;

	memset(&a, 0, sizeof(a));
	if (sched_getaffinity(0, sizeof(a), (cpu_set_t *)a.bits) < 0) {
		ret = errno;
		return base_error_set(err, ret, "sched_getaffinity: %s", strerror(ret));
	}
	for (i = 0; i < global->n_data_cpus; i++) {
		ret = host_check_cpu(
			conf, &a, "data-lcores", global->data_cpus_line, global->data_cpus[i], err);
		if (ret < 0)
			return ret;
	}
	if (global->management_cpu < 0)
		return 0;
	return host_check_cpu(conf, &a, "management-lcore", global->management_cpu_line,
		(unsigned int)global->management_cpu, err);
}
