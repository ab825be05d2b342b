/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/worker.h"
#include "daemon.h"
#include "eal.h"
#include "fwd/fwd.h"
#include "lcore/lcore.h"
#include "mgmt/mgmt.h"
#include "port/port.h"

BASE_LOG_REGISTER(daemon);

#define NS_PER_MS	   (1000ull * 1000)
#define CHECK_INTERVAL_NS  (100 * NS_PER_MS)
#define STATUS_INTERVAL_NS (5000 * NS_PER_MS)
/* Ports that are not gone by then are left to the exit. */
#define STOP_DEADLINE_NS (10000 * NS_PER_MS)

static struct {
	const struct conf *conf;
	struct base_loop *loop;
	struct base_worker *worker;
	struct rte_mempool *pool;
	struct base_watch *signal_watch;
	int signal_fd;
	unsigned int ports_pending; /* being added or removed */
	bool booting;
	bool stopping;
	int exit_code;
} rf = {.signal_fd = -1};

static void
env_changed(void)
{
	/* A failure is logged and taken up again by lcore itself. */
	(void)lcore_apply();
}

static struct port_env port_env_ops = {
	.quiesce = lcore_quiesce,
	.changed = env_changed,
	.defer = lcore_defer,
};

static void begin_stop(int exit_code);

static void
port_gone(void *arg __rte_unused, int result, const struct base_error *err)
{
	if (result < 0)
		BASE_LOG(daemon, ERR, "%s", err->text);
	if (--rf.ports_pending == 0)
		base_loop_stop(rf.loop);
}

static void
stop_deadline(void *arg __rte_unused)
{
	BASE_LOG(daemon, ERR, "%u ports are not closed in time", rf.ports_pending);
	rf.exit_code = 1;
	base_loop_stop(rf.loop);
}

/* Ports that are still starting are removed once they have. */
static void
remove_ports(void *arg __rte_unused)
{
	struct port *port, *next;
	struct base_error err;
	bool starting = false;

	for (port = TAILQ_FIRST(port_all()); port != NULL; port = next) {
		next = TAILQ_NEXT(port, next);
		if (port->state == PORT_STARTING)
			starting = true;
		if (port->state != PORT_RUNNING)
			continue;
		rf.ports_pending++;
		if (port_remove(port, port_gone, NULL, &err) < 0) {
			rf.ports_pending--;
			BASE_LOG(daemon, ERR, "%s", err.text);
		}
	}
	if (starting)
		base_timer_add(rf.loop, 10 * NS_PER_MS, 0, remove_ports, NULL);
	else if (rf.ports_pending == 0)
		base_loop_stop(rf.loop);
}

static void
begin_stop(int exit_code)
{
	struct fwd_wire *wire;
	struct base_error err;

	if (rf.stopping)
		return;
	rf.stopping = true;
	rf.exit_code = exit_code;
	(void)base_notify("STOPPING=1\nSTATUS=closing ports");
	BASE_LOG(daemon, INFO, "stopping");
	/* From here on nobody adds ports. */
	mgmt_stop();
	base_timer_add(rf.loop, STOP_DEADLINE_NS, 0, stop_deadline, NULL);
	while ((wire = TAILQ_FIRST(fwd_wires())) != NULL)
		(void)fwd_wire_remove(wire->name, &err);
	remove_ports(NULL);
}

static void
signal_ready(void *arg __rte_unused, uint32_t events __rte_unused)
{
	struct signalfd_siginfo info;

	while (read(rf.signal_fd, &info, sizeof(info)) == sizeof(info)) {
		BASE_LOG(daemon, NOTICE, "%s", strsignal((int)info.ssi_signo));
		begin_stop(0);
	}
}

static int
watch_signals(struct base_error *err)
{
	sigset_t set;

	/* main() has blocked them before the first thread was made. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	rf.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (rf.signal_fd < 0)
		return base_error_set(err, errno, "signalfd: %s", strerror(errno));
	rf.signal_watch = base_watch_add(rf.loop, rf.signal_fd, EPOLLIN, signal_ready, NULL);
	if (rf.signal_watch == NULL)
		return base_error_set(err, errno, "epoll: %s", strerror(errno));
	return 0;
}

static void
tell_status(void *arg __rte_unused)
{
	unsigned int ports = 0, up = 0;
	struct port *port;

	TAILQ_FOREACH(port, port_all(), next) {
		ports++;
		up += port->link_up;
	}
	if (!rf.booting && !rf.stopping)
		(void)base_notify("STATUS=%u of %u ports up", up, ports);
}

static void
check_ports(void *arg __rte_unused)
{
	port_check_all();
}

static void
watchdog_tick(void *arg __rte_unused)
{
	(void)base_notify("WATCHDOG=1");
}

/* The loop that answers the service manager is the one that all control goes through. */
static void
start_watchdog(void)
{
	const char *text = getenv("WATCHDOG_USEC");
	unsigned long long usec = text == NULL ? 0 : strtoull(text, NULL, 10);

	if (usec >= 1000)
		base_timer_add(rf.loop, 0, usec * 1000 / 2, watchdog_tick, NULL);
}

static int
add_wires(struct base_error *err)
{
	unsigned int i;
	int ret;

	for (i = 0; i < rf.conf->n_wires; i++) {
		ret = fwd_wire_add(&rf.conf->wires[i], err);
		if (ret < 0)
			return ret;
	}
	return lcore_apply();
}

static void
boot_complete(void)
{
	rf.booting = false;
	BASE_LOG(daemon, INFO, "ready: %u ports, %u wires, %u data lcores", rf.conf->n_ports,
		rf.conf->n_wires, lcore_count());
	(void)base_notify("READY=1");
	tell_status(NULL);
}

static void
port_there(void *arg __rte_unused, int result, const struct base_error *err __rte_unused)
{
	rf.ports_pending--;
	/* port has said what is wrong. */
	if (result < 0)
		begin_stop(1);
	if (rf.booting && !rf.stopping && rf.ports_pending == 0)
		boot_complete();
}

static int
add_ports(struct base_error *err)
{
	unsigned int i;
	int ret;

	rf.booting = true;
	for (i = 0; i < rf.conf->n_ports; i++) {
		ret = port_add(&rf.conf->ports[i], port_there, NULL, err);
		if (ret < 0)
			return ret;
		rf.ports_pending++;
	}
	ret = add_wires(err);
	if (ret == 0 && rf.ports_pending == 0)
		boot_complete();
	return ret;
}

/* Each ring brings up to three descriptors, each device one, and ports may be added later. */
static void
raise_fd_limit(void)
{
	struct rlimit limit;
	rlim_t wanted = 256;
	unsigned int i;

	for (i = 0; i < rf.conf->n_ports; i++)
		wanted += 2 + 6u * rf.conf->ports[i].queues;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
		BASE_LOG(daemon, WARNING,
			"at most %llu file descriptors are allowed, %llu may be needed",
			(unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static int
make_run_directory(const char *path, struct base_error *err)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return base_error_set(err, errno, "run directory %s: %s", path, strerror(errno));
	if (access(path, W_OK | X_OK) < 0)
		return base_error_set(err, errno, "run directory %s: %s", path, strerror(errno));
	return 0;
}

static int
start(struct base_error *err)
{
	const struct conf_global *global = &rf.conf->global;
	int ret;

	raise_fd_limit();
	ret = make_run_directory(global->run_directory, err);
	if (ret < 0)
		return ret;
	rf.pool = eal_create_pool(global, err);
	if (rf.pool == NULL)
		return -ENOMEM;
	rf.loop = base_loop_create();
	if (rf.loop == NULL)
		return base_error_set(err, errno, "event loop: %s", strerror(errno));
	rf.worker = base_worker_create(rf.loop);
	if (rf.worker == NULL)
		return base_error_set(err, errno, "helper thread: %s", strerror(errno));
	ret = watch_signals(err);
	if (ret < 0)
		return ret;
	ret = lcore_start(
		rf.loop, global->data_cpus, global->n_data_cpus, global->idle_policy, err);
	if (ret < 0)
		return ret;
	port_env_ops.loop = rf.loop;
	port_env_ops.worker = rf.worker;
	port_env_ops.pool = rf.pool;
	ret = port_init(&port_env_ops, err);
	if (ret < 0)
		return ret;
	mgmt_tell_config_file(rf.conf->path);
	ret = mgmt_start(rf.loop, global, err);
	if (ret < 0)
		return ret;
	base_timer_add(rf.loop, CHECK_INTERVAL_NS, CHECK_INTERVAL_NS, check_ports, NULL);
	base_timer_add(rf.loop, STATUS_INTERVAL_NS, STATUS_INTERVAL_NS, tell_status, NULL);
	start_watchdog();
	return add_ports(err);
}

static void
stop(void)
{
	if (rf.loop == NULL)
		return;
	mgmt_stop();
	if (lcore_stop() < 0)
		rf.exit_code = 1;
	base_worker_destroy(rf.worker);
	base_watch_del(rf.signal_watch);
	if (rf.signal_fd >= 0)
		close(rf.signal_fd);
	base_loop_destroy(rf.loop);
	rte_mempool_free(rf.pool);
}

int
daemon_run(const struct conf *conf)
{
	struct base_error err = {""};
	int ret;

	rf.conf = conf;
	ret = start(&err);
	if (ret < 0 && !rf.stopping) {
		BASE_LOG(daemon, ERR, "%s", err.text[0] != '\0' ? err.text : strerror(-ret));
		if (rf.loop != NULL && rf.worker != NULL)
			begin_stop(1);
		rf.exit_code = 1;
	}
	if (rf.loop != NULL && rf.worker != NULL) {
		/* One port less that is pending than there are is no reason to stay. */
		ret = base_loop_run(rf.loop);
		if (ret < 0) {
			BASE_LOG(daemon, ERR, "event loop: %s", strerror(-ret));
			rf.exit_code = 1;
		}
	}
	stop();
	BASE_LOG(daemon, INFO, "stopped");
	return rf.exit_code;
}
