/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "conf/keys.h"

#define FEATURE_BIT(i) (1u << (i))

static const char *const feature_names[] = {
	[CONF_FEATURE_MRG_RXBUF] = "mrg_rxbuf",
	[CONF_FEATURE_INDIRECT_DESC] = "indirect_desc",
	[CONF_FEATURE_EVENT_IDX] = "event_idx",
	[CONF_FEATURE_IN_ORDER] = "in_order",
	[CONF_FEATURE_MQ] = "mq",
	[CONF_FEATURE_MTU] = "mtu",
	[CONF_FEATURE_GUEST_ANNOUNCE] = "guest_announce",
};

const char *
conf_feature_name(enum conf_feature feature)
{
	if ((unsigned int)feature >= RTE_DIM(feature_names))
		return "?";
	return feature_names[feature];
}

uint32_t
conf_features_default(void)
{
	return FEATURE_BIT(CONF_FEATURE_COUNT) - 1;
}

static const char *
feature_name_at(const void *set __rte_unused, unsigned int i)
{
	return i < RTE_DIM(feature_names) ? feature_names[i] : NULL;
}

static int
feature_find(const char *name, struct base_error *why)
{
	const char *nearest;
	unsigned int i;

	for (i = 0; i < RTE_DIM(feature_names); i++)
		if (strcmp(feature_names[i], name) == 0)
			return (int)i;
	nearest = conf_text_nearest(name, feature_name_at, NULL);
	if (nearest == NULL)
		return -EINVAL;
	return base_error_set(why, EINVAL, "unknown feature %s, did you mean %s?", name, nearest);
}

int
conf_features_parse(const char *value, uint32_t *out, struct base_error *why)
{
	const char *list = value;
	uint32_t named = 0;
	bool minus = false;
	char item[CONF_NAME_MAX];
	int feature, ret;
	bool first = true;

	if (strcmp(value, "none") == 0) {
		*out = 0;
		return 0;
	}
	for (; (ret = conf_text_next(&list, item, sizeof(item))) == 1; first = false) {
		bool is_default = strcmp(item, "default") == 0;
		bool is_minus = is_default || item[0] == '-';

		/* Whether the list adds to nothing or takes from the default has to be plain. */
		if (first)
			minus = is_minus;
		if (minus != is_minus)
			return base_error_set(why, EINVAL,
				"names with and without a minus; expected one or the other");
		if (is_default && !first)
			return base_error_set(why, EINVAL, "expected default in the first place");
		if (is_default)
			continue;
		feature = feature_find(is_minus ? item + 1 : item, why);
		if (feature < 0)
			return feature;
		if ((named & FEATURE_BIT(feature)) != 0)
			return base_error_set(
				why, EINVAL, "%s stands twice", feature_names[feature]);
		named |= FEATURE_BIT(feature);
	}
	if (ret < 0)
		return ret;
	*out = minus ? conf_features_default() & ~named : named;
	return 0;
}
