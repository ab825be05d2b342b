# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Fixtures of the system tests.

Environment: RF_BUILD is the build folder (default build), RF_CACHE where the
guest image and QEMU 10 are kept between runs (default build-cache), RF_QEMU10
a root file system with QEMU 10 that is there already.
"""

import os
import re
import shutil
import signal
from typing import Any, Iterator

import pytest

from rf import Lab
from rf.proc import run_tool

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUEST_TOOLS = os.path.join(TOP, "tests", "guest")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker, and have SIGTERM clean up as Ctrl-C does."""
    config.addinivalue_line("markers", "slow: not part of the quick or the sanitized run")

    def terminated(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminated)


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let fixtures see whether their test has failed."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.rf_failed = report.failed


@pytest.fixture(scope="session", name="build")
def build_fixture() -> str:
    """The build folder."""
    build = os.path.join(TOP, os.environ.get("RF_BUILD", "build"))
    if not os.path.exists(os.path.join(build, "app", "ringferryd")):
        pytest.fail(f"{build} has no app/ringferryd: build first, or set RF_BUILD")
    return build


def cache_path(name: str) -> str:
    """A folder that is kept between runs."""
    return os.path.join(TOP, os.environ.get("RF_CACHE", "build-cache"), name)


def make(tool: str, target: str, seconds: float) -> str:
    """Run one of the tools that make what guests need; it does nothing if that is there."""
    run_tool([os.path.join(GUEST_TOOLS, tool), target], seconds, capture=True)
    return target


@pytest.fixture(scope="session", name="image")
def image_fixture() -> str:
    """The folder with the guest's kernel and initramfs."""
    return make("build-image", cache_path("guest"), 600)


@pytest.fixture(scope="session", name="qemu10_root")
def qemu10_root_fixture() -> str:
    """The root file system with QEMU 10."""
    given = os.environ.get("RF_QEMU10")
    return given if given else make("get-qemu10", cache_path("qemu10"), 900)


@pytest.fixture(params=["7", pytest.param("10", marks=pytest.mark.slow)], name="qemu")
def qemu_fixture(request: pytest.FixtureRequest) -> str:
    """Which QEMU: Debian 12's own, or Debian 13's."""
    if request.param == "10":
        request.getfixturevalue("qemu10_root")
    elif not shutil.which("qemu-system-x86_64"):
        pytest.fail("qemu-system-x86_64 is not installed: tests/setup-host --install-demo")
    return request.param


@pytest.fixture(name="lab")
def lab_fixture(request: pytest.FixtureRequest, build: str) -> Iterator[Lab]:
    """A lab; at its end the books of all its daemons have to balance."""
    if os.geteuid() != 0:
        pytest.skip("needs root: taps and network namespaces")
    image = qemu10 = None
    if "qemu" in request.fixturenames:
        image = request.getfixturevalue("image")
        if request.getfixturevalue("qemu") == "10":
            qemu10 = request.getfixturevalue("qemu10_root")
    name = re.sub(r"[^\w.-]+", "_", request.node.name)
    logs = os.path.join(build, "logs", "system", name)
    shutil.rmtree(logs, ignore_errors=True)
    with Lab(build, image=image, qemu10=qemu10, keep_logs=logs) as lab:
        yield lab
        if getattr(request.node, "rf_failed", False):
            lab.failed = True
        else:
            lab.check_books()
