/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: a device to test the front-end library with.
 *
 * A small vhost-user back-end in a thread of its own: what a guest transmits
 * on a pair it receives on the same pair. It can be told to break one rule,
 * to see that the library notices. Trusting and slow: no model for a product.
 */

#ifndef FE_MODEL_H
#define FE_MODEL_H

#include <stdint.h>

enum model_fault {
	MODEL_GOOD,
	MODEL_USED_ID,	    /**< a used id that is not outstanding */
	MODEL_USED_RANGE,   /**< a used id beyond the ring */
	MODEL_USED_LEN,	    /**< a used length beyond the buffer */
	MODEL_USED_JUMP,    /**< a used index beyond what is available */
	MODEL_REVERSE,	    /**< transmit buffers used last first: allowed without IN_ORDER */
	MODEL_OVERRUN,	    /**< a byte written behind a receive buffer */
	MODEL_UNDERRUN,	    /**< a byte written before one */
	MODEL_BEYOND_USED,  /**< a byte written behind the used length */
	MODEL_CHANGE_DESC,  /**< a descriptor changed */
	MODEL_CHANGE_OUT,   /**< a transmitted byte changed */
	MODEL_CHANGE_AVAIL, /**< the available index changed */
	MODEL_RING_GUARD,   /**< a byte written behind the used ring */
	MODEL_NUM_BUFFERS,  /**< a header that promises more buffers */
	MODEL_NO_CALL,	    /**< never notifies */
	MODEL_BASE,	    /**< GET_VRING_BASE is off by one */
	MODEL_DAMAGE,	    /**< a payload byte flipped */
	MODEL_LOSE,	    /**< each 7th packet dropped */
	MODEL_TWICE,	    /**< each 7th packet delivered twice */
	MODEL_NACK,	    /**< acknowledges with a no */
	MODEL_MUTE,	    /**< does not answer */
	MODEL_HANG_UP,	    /**< closes the connection at SET_FEATURES */
};

struct model;

/**
 * Start a device listening on a path.
 *
 * @param features  what it offers; the protocol features follow.
 * @return the device; NULL.
 */
struct model *model_create(const char *path, uint64_t features, enum model_fault fault);

void model_destroy(struct model *m);

#endif /* FE_MODEL_H */
