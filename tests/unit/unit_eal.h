/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* EAL inside a unit test: one lcore, no hugepages, no devices, no files. */

#ifndef UNIT_EAL_H
#define UNIT_EAL_H

#include <sched.h>
#include <stdio.h>

#include <rte_common.h>
#include <rte_eal.h>

/* What the test may run on. EAL pins the main thread, and so what it creates, to one of them. */
static cpu_set_t unit_cpus __rte_unused;

/* @return 0, or -1 with the reason on stderr. */
static inline int
unit_eal_init(const char *memory_mb)
{
	char name[] = "unit", no_huge[] = "--no-huge", no_shconf[] = "--no-shconf";
	char no_pci[] = "--no-pci", no_telemetry[] = "--no-telemetry", m[] = "-m";
	char log[] = "--log-level=error", lcores[32], memory[16];
	char *argv[] = {
		name, no_huge, no_shconf, no_pci, no_telemetry, log, lcores, m, memory, NULL};
	int cpu = 0;

	/* Any one CPU of those that we may use. */
	if (sched_getaffinity(0, sizeof(unit_cpus), &unit_cpus) < 0)
		return -1;
	while (!CPU_ISSET(cpu, &unit_cpus))
		cpu++;
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", cpu);
	snprintf(memory, sizeof(memory), "%s", memory_mb);
	return rte_eal_init(RTE_DIM(argv) - 1, argv) < 0 ? -1 : 0;
}

#endif /* UNIT_EAL_H */
