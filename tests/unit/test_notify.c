/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Word to the service manager: a socket with a path, one of the abstract name space, none. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"

struct fixture {
	char dir[64];
	char path[96];
	int fd;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->fd = -1;
	snprintf(f->dir, sizeof(f->dir), "/tmp/rf-notify-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	unsetenv("NOTIFY_SOCKET");
	if (f->fd >= 0)
		close(f->fd);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void
bind_to(struct fixture *f, const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(f->fd >= 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&addr,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

/* A datagram has arrived when base_notify() returns. */
static void
expect_state(struct fixture *f, const char *want)
{
	char got[512] = "";

	assert_int_equal(recv(f->fd, got, sizeof(got) - 1, 0), strlen(want));
	assert_string_equal(got, want);
}

static void
test_socket_with_a_path(void **state)
{
	struct fixture *f = *state;

	snprintf(f->path, sizeof(f->path), "%s/notify", f->dir);
	bind_to(f, f->path);
	assert_int_equal(base_notify("READY=1"), 0);
	expect_state(f, "READY=1");
	assert_int_equal(base_notify("STATUS=%u ports", 3), 0);
	expect_state(f, "STATUS=3 ports");
}

static void
test_abstract_socket(void **state)
{
	struct fixture *f = *state;
	char name[96];

	snprintf(name, sizeof(name), "@%s", f->dir);
	bind_to(f, name);
	assert_int_equal(base_notify("STOPPING=%d", 1), 0);
	expect_state(f, "STOPPING=1");
}

static void
test_without_a_service_manager(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(base_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(base_notify("READY=1"), 0);
}

static void
test_failures_are_told(void **state)
{
	struct fixture *f = *state;
	char text[400];

	setenv("NOTIFY_SOCKET", "relative/path", 1);
	assert_int_equal(base_notify("READY=1"), -EINVAL);

	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[sizeof(text) - 1] = '\0';
	setenv("NOTIFY_SOCKET", text, 1);
	assert_int_equal(base_notify("READY=1"), -EINVAL);

	snprintf(f->path, sizeof(f->path), "%s/nobody", f->dir);
	setenv("NOTIFY_SOCKET", f->path, 1);
	assert_int_equal(base_notify("READY=1"), -ENOENT);
	assert_int_equal(base_notify("STATUS=%s", text), -EMSGSIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_socket_with_a_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abstract_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_service_manager, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures_are_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
