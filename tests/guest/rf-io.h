/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * io: send and receive streams of numbered frames on a network interface.
 *
 * A sender and a receiver are structs that the caller fills, runs in a thread
 * of his choice, and may look at from another one: *_report() locks.
 * Both end by themselves or when `stop` is set.
 */

#ifndef RF_IO_H
#define RF_IO_H

#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rf-seq.h"

struct io_sender {
	/* set by the caller */
	char ifname[IFNAMSIZ];
	uint8_t dst[6];
	uint64_t count;	     /**< frames; 0: until stopped */
	uint64_t rate;	     /**< frames a second; 0: as fast as it goes */
	uint64_t first;	     /**< first sequence number */
	unsigned int stream; /**< 0..SEQ_STREAMS-1 */
	unsigned int size;   /**< bytes of a frame, without FCS */
	atomic_bool stop;
	/* results; any thread may read them */
	_Atomic uint64_t sent;
	_Atomic uint64_t retries; /**< times the interface had no room and we tried again */
	_Atomic int error;	  /**< errno that ended it, or 0 */
	_Atomic uint64_t elapsed_ns;
	atomic_bool done;
};

struct io_receiver {
	/* set by the caller */
	char ifname[IFNAMSIZ];
	enum seq_kind kind;
	uint64_t expect; /**< end after this many different frames; 0: until stopped */
	bool echo;	 /**< send each frame back to where it came from */
	int fd;		 /**< from io_receiver_open() */
	atomic_bool stop;
	/* results */
	pthread_mutex_t lock; /**< covers books and what follows */
	struct seq_books books;
	uint64_t socket_drops; /**< frames that found the socket's buffer full */
	uint64_t echoed;
	_Atomic int error;
	atomic_bool done;
};

/** Send. @return 0 or -errno, also in sender->error. */
int io_sender_run(struct io_sender *sender);

/** Print the members of a JSON object. */
void io_sender_report(const struct io_sender *sender, FILE *out);

/**
 * Open the receiver's socket. From its return on no frame is missed.
 * Also initialises the results.
 *
 * @return 0 or -errno.
 */
int io_receiver_open(struct io_receiver *receiver);

/** Receive until stopped (what the socket then holds is still taken). Closes the socket. */
int io_receiver_run(struct io_receiver *receiver);

/** Print the members of a JSON object. */
void io_receiver_report(struct io_receiver *receiver, FILE *out);

/** Parse aa:bb:cc:dd:ee:ff. @return 0 or -EINVAL. */
int io_mac_parse(const char *text, uint8_t mac[6]);

/** Parse a decimal number of at most max. @return 0 or -EINVAL. */
int io_number_parse(const char *text, uint64_t max, uint64_t *value);

uint64_t io_now_ns(void);

#endif /* RF_IO_H */
