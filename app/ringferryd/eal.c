/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "eal.h"

BASE_LOG_REGISTER(eal);

#define MAX_ARGS   64
#define MBUF_CACHE 512

/* What an mbuf takes in the pool, and what else the EAL and the vhost library want. */
#define MBUF_BYTES     (RTE_MBUF_DEFAULT_BUF_SIZE + 384ull)
#define OVERHEAD_BYTES (96ull << 20)

/* The EAL keeps pointers to its arguments: they live as long as the process. */
static struct {
	char *argv[MAX_ARGS];
	char *given[MAX_ARGS]; /* what the EAL gets: it writes its program's name over the last */
	int argc;
	bool overflow;
} args;

static void __rte_format_printf(1, 2) add_arg(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0 || args.argc >= MAX_ARGS) {
		args.overflow = true;
		if (len >= 0)
			free(text);
		return;
	}
	args.argv[args.argc++] = text;
}

int
eal_choose_cpus(struct conf_global *global, struct base_error *err)
{
	int first = -1, last = -1;
	cpu_set_t set;
	int cpu;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return base_error_set(err, errno, "sched_getaffinity: %s", strerror(errno));
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		if (first < 0)
			first = cpu;
		last = cpu;
	}
	if (global->management_cpu < 0)
		global->management_cpu = first;
	if (global->n_data_cpus == 0) {
		global->data_cpus[0] = (unsigned int)last;
		global->n_data_cpus = 1;
	}
	return 0;
}

static uint64_t
memory_wanted(const struct conf_global *global)
{
	return global->mempool_size * MBUF_BYTES + OVERHEAD_BYTES;
}

/* Bytes in free huge pages of one size, by its folder's name "hugepages-2048kB". */
static uint64_t
free_bytes_of(const char *folder)
{
	char path[384];
	unsigned long free_pages = 0, size_kb = 0;
	FILE *file;

	if (sscanf(folder, "hugepages-%lukB", &size_kb) != 1)
		return 0;
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages", folder);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu", &free_pages) != 1)
		free_pages = 0;
	fclose(file);
	return (uint64_t)free_pages * size_kb * 1024;
}

static uint64_t
free_hugepage_bytes(void)
{
	DIR *dir = opendir("/sys/kernel/mm/hugepages");
	struct dirent *entry;
	uint64_t best = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		uint64_t bytes = free_bytes_of(entry->d_name);

		best = RTE_MAX(best, bytes);
	}
	closedir(dir);
	return best;
}

static bool
want_hugepages(const struct conf_global *global)
{
	uint64_t wanted = memory_wanted(global);
	uint64_t there;

	if (global->hugepages != CONF_HUGEPAGES_AUTO)
		return global->hugepages == CONF_HUGEPAGES_YES;
	there = free_hugepage_bytes();
	if (there >= wanted)
		return true;
	BASE_LOG(eal, NOTICE,
		"running without hugepages: %u MiB wanted, %u MiB free (slower; fine for a first "
		"look)",
		(unsigned int)(wanted >> 20), (unsigned int)(there >> 20));
	return false;
}

/* EAL lcore 0 is ours, 1 .. n are the data lcores; a CPU may carry two of them. */
static void
add_lcores(const struct conf_global *global)
{
	char list[CONF_MAX_LCORES * 12 + 16];
	size_t used;
	unsigned int i;

	used = (size_t)snprintf(list, sizeof(list), "0@%d", global->management_cpu);
	for (i = 0; i < global->n_data_cpus && used < sizeof(list); i++)
		used += (size_t)snprintf(
			list + used, sizeof(list) - used, ",%u@%u", i + 1, global->data_cpus[i]);
	add_arg("--lcores=%s", list);
	add_arg("--main-lcore=0");
}

static bool
is_pci(const struct conf_port *port)
{
	unsigned int domain, bus, slot, function;

	return port->type == CONF_PORT_ETHDEV &&
		(sscanf(port->device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4 ||
			sscanf(port->device, "%x:%x.%x", &bus, &slot, &function) == 3);
}

/* Only the devices that the configuration names are touched; others may be added later. */
static void
add_devices(const struct conf *conf)
{
	bool any = false;
	unsigned int i;
	DIR *dir;

	for (i = 0; i < conf->n_ports; i++) {
		if (!is_pci(&conf->ports[i]))
			continue;
		add_arg("--allow=%s", conf->ports[i].device);
		any = true;
	}
	if (any)
		return;
	dir = opendir("/sys/bus/pci/devices");
	if (dir != NULL) {
		closedir(dir);
		/* An allow list that allows nothing: a host bridge is never ours. */
		add_arg("--allow=0000:00:00.0");
	} else {
		add_arg("--no-pci");
	}
}

static void
add_memory(const struct conf_global *global)
{
	/* Either way nothing is left in the file system, and daemons do not meet. */
	if (want_hugepages(global)) {
		add_arg("--in-memory");
		return;
	}
	add_arg("--no-shconf");
	add_arg("--no-huge");
	add_arg("-m");
	add_arg("%u", (unsigned int)(memory_wanted(global) >> 20));
}

int
eal_start(const char *program, const struct conf *conf, const struct options *options,
	struct base_error *err)
{
	int i;

	/* One stream, ours: the default would write to syslog as well. */
	if (rte_openlog_stream(stderr) < 0)
		return base_error_set(err, EIO, "cannot log to stderr");
	add_arg("%s", program);
	add_arg("--file-prefix=ringferry");
	add_lcores(&conf->global);
	add_memory(&conf->global);
	add_devices(conf);
	/*
	 * The library tells of every message, and of every one that we refuse:
	 * a guest could fill the log. We tell ourselves, and not too often.
	 */
	add_arg("--log-level=lib.eal:warning");
	add_arg("--log-level=lib.vhost.config:critical");
	add_arg("--log-level=lib.telemetry:warning");
	for (i = 0; i < options->n_eal_args; i++)
		add_arg("%s", options->eal_args[i]);
	if (args.overflow)
		return base_error_set(err, E2BIG, "too many EAL arguments, or no memory for them");
	memcpy(args.given, args.argv, sizeof(args.given));
	if (rte_eal_init(args.argc, args.given) < 0)
		return base_error_set(
			err, rte_errno, "DPDK's EAL does not start: %s", rte_strerror(rte_errno));
	return base_log_set_levels(conf->global.log_level);
}

struct rte_mempool *
eal_create_pool(const struct conf_global *global, struct base_error *err)
{
	struct rte_mempool *pool;
	unsigned int cache = RTE_MIN(MBUF_CACHE, global->mempool_size / 16);

	pool = rte_pktmbuf_pool_create(EAL_MEMPOOL_NAME, global->mempool_size, cache, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		base_error_set(err, rte_errno, "no memory for %u mbufs: %s", global->mempool_size,
			rte_strerror(rte_errno));
	return pool;
}
