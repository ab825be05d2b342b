/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * protocol tests: what they share.
 *
 * One daemon serves all tests of a run, with six vhost ports:
 *   a1 - a2  the *bystanders*: two guests that stay up and have to pass
 *            packets after every test, whatever was done to the others
 *   b1 - b2  the *subjects*: MTU 9000, 4 queue pairs
 *   c1 - c2  the daemon connects to these, as a client
 * A daemon that has died fails its test and is started again for the next.
 */

#ifndef PROTO_H
#define PROTO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon.h"
#include "flow.h"

#define PROTO_PAIRS	 4     /* of the subjects' ports */
#define PROTO_MTU	 9000  /* likewise */
#define PROTO_WAIT_MS	 10000 /* for what has to happen */
#define PROTO_ERR_MS	 1000  /* for SET_VRING_ERR's eventfd */

#define PROTO_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* What became of a message. */
enum outcome {
	ACCEPTED,
	NACKED,
	CLOSED,
	SILENT, /**< neither answer nor close within the deadline */
	STRANGE,
};

extern struct daemon proto_daemon;
extern struct fe_guest proto_bystander[2];

/** The program that is tested. */
const char *proto_daemon_program(void);

/**
 * cmocka's per-test functions: daemon and bystanders up before; after it they
 * are alive, and the daemon's counters add up and are what the bystanders say.
 */
int proto_setup(void **state);
int proto_teardown(void **state);

#define proto_test(f) cmocka_unit_test_setup_teardown(f, proto_setup, proto_teardown)

/** Do the bystanders pass packets, on a daemon that lives? Prints what is wrong. */
bool proto_alive(void);

/** The settings of a subject: "b1" or "b2", one pair. */
void proto_subject_conf(struct fe_guest_conf *conf, const char *port);

/**
 * Connect, or connect and start; waits for the port to be free of the guest
 * before, whose end the daemon may not have noticed yet.
 */
int proto_guest_connect(struct fe_guest *g);
int proto_guest_up(struct fe_guest *g);

/** A subject that is up; asserts. */
void proto_subject_up(struct fe_guest *g, const char *port);

/** Both subjects with these settings (socket aside), up and within reach; asserts. */
void proto_subjects_up(struct fe_guest g[2], const struct fe_guest_conf *conf);
void proto_subjects_down(struct fe_guest g[2]);

/** Can the subjects' ports still be used? Brings two guests up and passes packets. */
bool proto_subjects_work(void);

/** A connection to b1 with everything negotiated, and nothing else; asserts. */
void proto_connect(struct fe_conn *c);

/** Send with need_reply, and see. */
enum outcome proto_try(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size,
	const int *fds, unsigned int n_fds);

/** Send without need_reply, and see what a question after it brings. */
enum outcome proto_tell(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size,
	const int *fds, unsigned int n_fds);

/** The outcome that an error of fe_conn.h stands for. */
enum outcome proto_outcome(int ret);
const char *proto_outcome_name(enum outcome outcome);

/** A set of tests, by the name it is called with. */
struct proto_group {
	const char *name;
	const struct CMUnitTest *tests;
	size_t n;
};

extern const struct proto_group proto_handshake, proto_traffic, proto_order, proto_illegal,
	proto_memory, proto_vring, proto_hostile, proto_cycle, proto_scale;

#endif /* PROTO_H */
