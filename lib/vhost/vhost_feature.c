/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Negotiation: features, protocol features, status, MTU, announcement.
 * Our copy of what was negotiated is the truth; the library is told what it
 * needs for its own part.
 */

#include <inttypes.h>

#include "vhost/vhost_priv.h"

static const struct {
	enum conf_feature conf;
	unsigned int bit;
} conf_features[] = {
	{CONF_FEATURE_MRG_RXBUF, VIRTQ_F_MRG_RXBUF},
	{CONF_FEATURE_INDIRECT_DESC, VIRTQ_F_INDIRECT_DESC},
	{CONF_FEATURE_EVENT_IDX, VIRTQ_F_EVENT_IDX},
	{CONF_FEATURE_IN_ORDER, VIRTQ_F_IN_ORDER},
	{CONF_FEATURE_MQ, VHOST_F_MQ},
	{CONF_FEATURE_MTU, VHOST_F_NET_MTU},
	{CONF_FEATURE_GUEST_ANNOUNCE, VHOST_F_GUEST_ANNOUNCE},
};

static const struct {
	unsigned int bit;
	const char *name;
} feature_names[] = {
	{VHOST_F_NET_MTU, "mtu"},
	{VIRTQ_F_MRG_RXBUF, "mrg_rxbuf"},
	{VHOST_F_GUEST_ANNOUNCE, "guest_announce"},
	{VHOST_F_MQ, "mq"},
	{VIRTQ_F_INDIRECT_DESC, "indirect_desc"},
	{VIRTQ_F_EVENT_IDX, "event_idx"},
	{VHOST_F_PROTOCOL_FEATURES, "protocol_features"},
	{VIRTQ_F_VERSION_1, "version_1"},
	{VIRTQ_F_IN_ORDER, "in_order"},
};

const char *
vhost_feature_name(unsigned int bit)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(feature_names); i++)
		if (feature_names[i].bit == bit)
			return feature_names[i].name;
	return NULL;
}

uint64_t
vhost_offered_features(const struct conf_port *conf)
{
	uint64_t features = (1ull << VIRTQ_F_VERSION_1) | (1ull << VHOST_F_PROTOCOL_FEATURES);
	unsigned int i;

	for (i = 0; i < RTE_DIM(conf_features); i++)
		if ((conf->features & (1u << conf_features[i].conf)) != 0)
			features |= 1ull << conf_features[i].bit;
	return features;
}

uint64_t
vhost_offered_protocol_features(void)
{
	return (1ull << VHOST_PROTOCOL_F_MQ) | (1ull << VHOST_PROTOCOL_F_RARP) |
		(1ull << VHOST_PROTOCOL_F_REPLY_ACK) | (1ull << VHOST_PROTOCOL_F_NET_MTU) |
		(1ull << VHOST_PROTOCOL_F_STATUS);
}

static enum vhost_verdict
reply_u64(struct vhost_request *req, uint64_t value)
{
	req->msg.payload.u64 = value;
	req->msg.size = sizeof(value);
	return VHOST_REPLY;
}

static bool
any_ring_started(const struct vhost_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++)
		if (dev->rings[i].started)
			return true;
	return false;
}

enum vhost_verdict
vhost_get_features(struct vhost_dev *dev, struct vhost_request *req)
{
	return reply_u64(req, dev->offered);
}

enum vhost_verdict
vhost_set_features(struct vhost_dev *dev, struct vhost_request *req)
{
	uint64_t features = req->msg.payload.u64;

	if ((features & ~dev->offered) != 0) {
		dev->features_set = false;
		dev->status &= (uint8_t)~VHOST_STATUS_FEATURES_OK;
		return VHOST_REFUSE_MSG(
			req, "features 0x%" PRIx64 " were not offered", features & ~dev->offered);
	}
	/* A front-end with several queue pairs repeats this for each of them. */
	if (any_ring_started(dev) && dev->features_set && features != dev->features)
		return VHOST_REFUSE_MSG(req,
			"features change from 0x%" PRIx64 " to 0x%" PRIx64 " while rings run",
			dev->features, features);
	if (!dev->features_set || features != dev->features)
		VHOST_LOG(INFO, dev, "negotiated features 0x%" PRIx64, features);
	dev->features = features;
	dev->features_set = true;
	return VHOST_PASS;
}

enum vhost_verdict
vhost_set_protocol_features(struct vhost_dev *dev, struct vhost_request *req)
{
	uint64_t features = req->msg.payload.u64;
	uint64_t unknown = features & ~vhost_offered_protocol_features();

	if (unknown != 0)
		return VHOST_REFUSE_MSG(
			req, "protocol features 0x%" PRIx64 " were not offered", unknown);
	dev->protocol_features = features;
	return VHOST_PASS;
}

enum vhost_verdict
vhost_get_queue_num(struct vhost_dev *dev, struct vhost_request *req)
{
	return reply_u64(req, dev->conf.queues);
}

enum vhost_verdict
vhost_set_mtu(struct vhost_dev *dev, struct vhost_request *req)
{
	uint64_t mtu = req->msg.payload.u64;

	if (mtu < CONF_MTU_MIN || mtu > dev->conf.mtu)
		return VHOST_REFUSE_MSG(req, "MTU %" PRIu64 ", this port takes %u to %u", mtu,
			CONF_MTU_MIN, dev->conf.mtu);
	dev->mtu = (uint16_t)mtu;
	return VHOST_OK;
}

/*
 * Status 0 is a reset: a front-end that negotiates status may send it without
 * stopping the rings first, and they must not be touched after it.
 */
enum vhost_verdict
vhost_set_status(struct vhost_dev *dev, struct vhost_request *req)
{
	uint64_t status = req->msg.payload.u64;
	bool was_ok = (dev->status & VHOST_STATUS_DRIVER_OK) != 0;

	if (status > UINT8_MAX)
		return VHOST_REFUSE_MSG(req, "status 0x%" PRIx64 " has more than 8 bits", status);
	if (!dev->features_set)
		status &= ~(uint64_t)VHOST_STATUS_FEATURES_OK;
	dev->status = (uint8_t)status;
	if (status == 0 && vhost_stop_all_rings(dev) < 0)
		return VHOST_WAIT;
	/* Rings that were started before the driver was ready are polled from now on. */
	if (was_ok && (status & VHOST_STATUS_DRIVER_OK) == 0 && dev->env->quiesce(dev) < 0)
		return VHOST_WAIT;
	dev->env->changed(dev);
	return VHOST_OK;
}

enum vhost_verdict
vhost_get_status(struct vhost_dev *dev, struct vhost_request *req)
{
	return reply_u64(req, dev->status);
}

enum vhost_verdict
vhost_send_rarp(struct vhost_dev *dev, struct vhost_request *req)
{
	dev->env->announce(dev, (const uint8_t *)&req->msg.payload.u64);
	return VHOST_OK;
}
