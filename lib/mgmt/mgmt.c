/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Start and stop of the room. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/mgmt_priv.h"
#include "mgmt/server.h"
#include "mgmt/view.h"

BASE_LOG_REGISTER(mgmt);

struct mgmt mgmt;

void
mgmt_tell_config_file(const char *path)
{
	mgmt.config_file = path;
}

int
mgmt_start(struct base_loop *loop, const struct conf_global *conf, struct base_error *err)
{
	char path[PATH_MAX + sizeof(CONF_CONTROL_SOCKET) + 1];
	int ret;

	mgmt.loop = loop;
	mgmt.conf = conf;
	mgmt.started_ns = base_now_ns();
	snprintf(path, sizeof(path), "%s/%s", conf->run_directory, CONF_CONTROL_SOCKET);
	ret = view_lcore_start(loop);
	if (ret < 0)
		return base_error_set(err, -ret, "no memory for the management");
	ret = telemetry_start(loop, err);
	if (ret == 0)
		ret = server_start(loop, path, &mgmt_service, err);
	if (ret < 0) {
		mgmt_stop();
		return ret;
	}
	BASE_LOG(mgmt, INFO, "control socket %s", path);
	return 0;
}

void
mgmt_stop(void)
{
	server_stop();
	telemetry_stop();
	view_lcore_stop();
}
