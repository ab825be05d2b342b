/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "gmem/gmem_guard.h"

/* 512 devices with 8 regions, and as many again while tables are replaced. */
#define GUARD_MAX 8192

/*
 * One mapping; start 0: free. Management: w; handler: r. `start` is written
 * last and cleared first, so that the handler, which may look at any slot at
 * any time, never takes half of one for a whole.
 */
static struct guard {
	uintptr_t start;
	uintptr_t end;
	size_t page;
	bool *lost;
} guards[GUARD_MAX];

static unsigned int n_guards; /* slots ever used. Management: w; handler: r */
static struct sigaction old_action;

static struct guard *
guard_find(uintptr_t addr)
{
	unsigned int i, n = __atomic_load_n(&n_guards, __ATOMIC_ACQUIRE);

	for (i = 0; i < n; i++) {
		uintptr_t start = __atomic_load_n(&guards[i].start, __ATOMIC_ACQUIRE);

		/* A slot that is being filled anew cannot be ours: ours is mapped, and so stays. */
		if (start != 0 && addr >= start &&
			addr < __atomic_load_n(&guards[i].end, __ATOMIC_ACQUIRE))
			return &guards[i];
	}
	return NULL;
}

/* mmap() and sigaction() are system calls and nothing more: safe in a handler. */
static void
on_sigbus(int signal, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	struct guard *guard = guard_find(addr);
	int saved = errno;

	(void)context;
	if (guard != NULL) {
		void *page = (void *)(addr & ~(guard->page - 1));

		if (mmap(page, guard->page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
			    0) != MAP_FAILED) {
			__atomic_store_n(guard->lost, true, __ATOMIC_RELEASE);
			errno = saved;
			return;
		}
	}
	/* Not ours, or past help: the touch is repeated, and ends as it would have without us. */
	sigaction(signal, &old_action, NULL);
	errno = saved;
}

/* Looked at each time: other libraries put handlers of their own there for a while. */
static int
install(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct sigaction current;

	if (sigaction(SIGBUS, NULL, &current) < 0)
		return -errno;
	if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_sigbus)
		return 0;
	old_action = current;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

int
gmem_guard_add(void *map, size_t len, size_t page, bool *lost)
{
	unsigned int i;
	int ret = install();

	if (ret < 0)
		return ret;
	for (i = 0; i < n_guards && guards[i].start != 0; i++)
		;
	if (i == GUARD_MAX)
		return -ENOSPC;
	guards[i].page = page;
	guards[i].lost = lost;
	__atomic_store_n(&guards[i].end, (uintptr_t)map + len, __ATOMIC_RELEASE);
	__atomic_store_n(&guards[i].start, (uintptr_t)map, __ATOMIC_RELEASE);
	if (i == n_guards)
		__atomic_store_n(&n_guards, i + 1, __ATOMIC_RELEASE);
	return 0;
}

void
gmem_guard_del(const void *map)
{
	unsigned int i;

	for (i = 0; i < n_guards; i++)
		if (guards[i].start == (uintptr_t)map)
			__atomic_store_n(&guards[i].start, 0, __ATOMIC_RELEASE);
}
