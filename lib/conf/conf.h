/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * conf: the configuration as plain structs.
 *
 * Concepts:
 *  - The reader turns an INI file into a struct conf and refuses what is
 *    wrong with file, line, what is wrong and what was expected. It starts
 *    nothing and touches nothing but the file.
 *  - A port's or wire's settings come as key=value pairs from two places, the
 *    file and the management socket; both go through the same key table.
 *
 * A pure room: no EAL, no threads, no state. Any thread.
 */

#ifndef CONF_H
#define CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CONF_NAME_MAX	     32 /* with the NUL */
#define CONF_MAX_LCORES	     64 /* data lcores */
#define CONF_MAX_QUEUE_PAIRS 8
#define CONF_MAX_QUEUES	     16
#define CONF_MAX_PORTS	     1024
#define CONF_MAX_WIRES	     512
#define CONF_CPU_MAX	     1023 /* the largest CPU number that rte_cpuset_t holds */
#define CONF_SOCKET_MAX	     108  /* sun_path */
#define CONF_DEVICE_MAX	     256
#define CONF_MTU_MIN	     68
#define CONF_MTU_MAX	     65535

#define CONF_DEFAULT_FILE    "/etc/ringferry.conf"
#define CONF_DEFAULT_RUN_DIR "/run/ringferry"
#define CONF_CONTROL_SOCKET  "ringferry.sock" /* in the run directory */

enum conf_idle_policy {
	CONF_IDLE_POLL,	 /**< never sleep */
	CONF_IDLE_YIELD, /**< give the CPU away after some empty rounds */
};

enum conf_hugepages {
	CONF_HUGEPAGES_AUTO,
	CONF_HUGEPAGES_YES,
	CONF_HUGEPAGES_NO,
};

enum conf_port_type {
	CONF_PORT_VHOST,
	CONF_PORT_ETHDEV,
};

/** Features that a vhost port may offer, as bits of conf_port.features. */
enum conf_feature {
	CONF_FEATURE_MRG_RXBUF,
	CONF_FEATURE_INDIRECT_DESC,
	CONF_FEATURE_EVENT_IDX,
	CONF_FEATURE_IN_ORDER,
	CONF_FEATURE_MQ,
	CONF_FEATURE_MTU,
	CONF_FEATURE_GUEST_ANNOUNCE,
	CONF_FEATURE_COUNT,
};

struct conf_global {
	unsigned int data_cpus[CONF_MAX_LCORES];
	unsigned int n_data_cpus; /**< 0: choose */
	int management_cpu;	  /**< -1: choose */
	uint32_t mempool_size;	  /**< mbufs */
	char run_directory[PATH_MAX];
	char log_level[128]; /**< for base_log_set_levels() */
	enum conf_idle_policy idle_policy;
	enum conf_hugepages hugepages;
	unsigned int data_cpus_line;	  /**< where it stands in the file; 0: it does not */
	unsigned int management_cpu_line; /**< likewise */
};

struct conf_port {
	char name[CONF_NAME_MAX];
	enum conf_port_type type;
	uint16_t mtu;
	uint16_t queues; /**< queue pairs */
	/* vhost */
	char socket[CONF_SOCKET_MAX]; /**< absolute once resolved, see conf_port_resolve() */
	bool client;
	bool reconnect;
	uint32_t features; /**< 1 << enum conf_feature */
	unsigned int socket_mode;
	/* ethdev */
	char device[CONF_DEVICE_MAX];
	unsigned int line;     /**< where it stands in the file; 0: from elsewhere */
	uint32_t keys_present; /**< private: which keys have been set */
};

struct conf_wire {
	char name[CONF_NAME_MAX];
	char port[2][CONF_NAME_MAX];
	unsigned int line;
};

struct conf {
	char *path; /**< of the file */
	struct conf_global global;
	struct conf_port *ports;
	unsigned int n_ports;
	struct conf_wire *wires;
	unsigned int n_wires;
};

/**
 * Read and check a configuration file, cross-checks included.
 *
 * @param[out] out filled on success; to be given back with conf_free().
 * @param[out] err on failure "FILE:LINE: what is wrong; what was expected".
 * @return 0; -ENOENT, -EACCES... if the file cannot be read; -EINVAL if it is wrong; -ENOMEM.
 */
int conf_read_file(const char *path, struct conf *out, struct base_error *err);

void conf_free(struct conf *conf);

/** The settings before anything is read. */
void conf_global_defaults(struct conf_global *global);
void conf_port_defaults(struct conf_port *port, const char *name);

void conf_wire_defaults(struct conf_wire *wire, const char *name);

/**
 * Set one key of a port from text. "type" has to come first, since it decides
 * which keys there are.
 *
 * @return 0; -EINVAL with what is wrong and what was expected (no file, no line).
 */
int conf_port_set(
	struct conf_port *port, const char *key, const char *value, struct base_error *err);

/**
 * Check that a port is complete and make its socket path absolute.
 *
 * @return 0; -EINVAL or -ENAMETOOLONG with a sentence.
 */
int conf_port_resolve(struct conf_port *port, const char *run_directory, struct base_error *err);

/**
 * Set one key of a wire from text: "ports" to "A, B".
 *
 * @return like conf_port_set().
 */
int conf_wire_set(
	struct conf_wire *wire, const char *key, const char *value, struct base_error *err);

/**
 * Check what depends on the host: does this process own the CPUs?
 *
 * Not part of conf_read_file(), so that a file for another host can be read.
 *
 * @return 0; -EINVAL with a sentence; -errno if the affinity cannot be read.
 */
int conf_check_host(const struct conf *conf, struct base_error *err);

/** Do two values of "device" name one device? Arguments behind the first comma do not count. */
bool conf_device_same(const char *a, const char *b);

/** Names of ports and wires: 1..31 of [A-Za-z0-9_.-], a letter or digit first. */
bool conf_name_valid(const char *name);

const char *conf_feature_name(enum conf_feature feature);
const char *conf_port_type_name(enum conf_port_type type);
const char *conf_idle_policy_name(enum conf_idle_policy policy);

#endif /* CONF_H */
