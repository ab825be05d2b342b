# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""What a test has started, and its end."""

import contextlib
import itertools
import os
import shutil
import tempfile
from typing import Any, List, Optional

from rf.daemon import Config, Daemon
from rf.frontend import FrontEnd
from rf.guest import Guest, GuestPort
from rf.net import NetNs, StreamReceiver, StreamSender, Tap
from rf.proc import Process
from rf.testpmd import Testpmd


class Lab:
    """Owns a folder, a network namespace and processes; closes them in reverse order.

    The folder's path is short, for the sake of unix sockets. After a failure
    its logs are copied to keep_logs, if that is given.
    """

    def __init__(self, build: str, *, image: Optional[str] = None,
                 qemu10: Optional[str] = None, keep_logs: Optional[str] = None):
        self.build = os.path.abspath(build)
        self.image = os.path.abspath(image) if image else None
        self.qemu10 = os.path.abspath(qemu10) if qemu10 else None
        self.keep_logs = keep_logs
        self.failed = False
        self._numbers = itertools.count()
        self._stack = contextlib.ExitStack()
        self.folder = ""
        self.netns: Optional[NetNs] = None
        self.daemons: List[Daemon] = []

    def __enter__(self) -> "Lab":
        self.folder = tempfile.mkdtemp(prefix="rf.")
        try:
            self.netns = NetNs(self.path("netns.log"))
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self._stack.callback(self.netns.close)
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self.failed = self.failed or kind is not None
        try:
            self._stack.__exit__(kind, value, trace)
        except BaseException:
            self.failed = True
            raise
        finally:
            if self.failed and self.keep_logs:
                self.save_logs(self.keep_logs)
            shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name: str) -> str:
        """A path in the lab's folder."""
        return os.path.join(self.folder, name)

    def save_logs(self, target: str) -> None:
        """Copy logs, consoles and configurations."""
        os.makedirs(target, exist_ok=True)
        for name in os.listdir(self.folder):
            if name.endswith((".log", ".conf", ".console")):
                shutil.copy(self.path(name), target)

    def check_books(self) -> None:
        """Raise if the counters of a daemon that runs do not add up."""
        for daemon in self.daemons:
            if daemon.running():
                daemon.check_conservation()

    def on_exit(self, function: Any, *args: Any) -> None:
        """Have something done at the end."""
        self._stack.callback(function, *args)

    # --- what a test starts -------------------------------------------------

    def daemon(self, config: Config, name: str = "rfd", eal: Optional[List[str]] = None,
               start: bool = True) -> Daemon:
        """A daemon, ready."""
        daemon = Daemon(name, self.folder, self.build, config, wrap=self.netns.wrap, eal=eal,
                        start=False)
        self.daemons.append(daemon)
        self._stack.callback(daemon.close)
        if start:
            daemon.start()
        return daemon

    def guest(self, ports: List[GuestPort], name: str = "vm1", *, qemu: str = "7",
              wait_ready: bool = True, **options: Any) -> Guest:
        """A guest, its agent serving; qemu is "7" (the host's) or "10"."""
        guest = Guest(name, self.folder, self.image, ports,
                      qemu10=self.qemu10 if qemu == "10" else None, **options)
        self._stack.callback(guest.close)
        guest.start()
        if wait_ready:
            guest.wait_ready()
        return guest

    def tap(self, interface: str, **options: Any) -> Tap:
        """The daemon's tap interface, set up."""
        return Tap(self.netns, interface).set_up(**options)

    def testpmd(self, name: str, devices: List[str], *, wait_ready: bool = True,
                **options: Any) -> Testpmd:
        """A testpmd with these devices, ready; see Testpmd."""
        testpmd = Testpmd(name, self.folder, devices, wrap=self.netns.wrap, **options)
        self._stack.callback(testpmd.close)
        if wait_ready:
            testpmd.wait_ready()
        return testpmd

    def front_end(self, daemon: Daemon, port: str, *options: str, **settings: Any) -> FrontEnd:
        """A fe-tool on a vhost port; see FrontEnd."""
        front_end = FrontEnd(f"fe-{port}", self.folder, self.build, daemon.path(f"{port}.sock"),
                             *options, **settings)
        self._stack.callback(front_end.kill)
        return front_end

    def process(self, name: str, args: List[str], inside: bool = True, **options: Any) -> Process:
        """Some other program, in the network namespace or outside."""
        process = Process(name, self.netns.wrap(args) if inside else args,
                          self.path(f"{name}.log"), **options)
        self._stack.callback(process.kill)
        return process

    def _stream_log(self) -> str:
        return self.path(f"stream{next(self._numbers)}.log")

    @property
    def _stream_tool(self) -> str:
        return os.path.join(self.build, "tests", "guest", "rf-stream")

    def send(self, tap: Tap, **options: Any) -> StreamSender:
        """Numbered frames out of a tap interface into Ringferry."""
        sender = StreamSender(self.netns, self._stream_tool, tap.name, self._stream_log(),
                              **options)
        self._stack.callback(sender.kill)
        return sender

    def receive(self, tap: Tap, **options: Any) -> StreamReceiver:
        """A receiver of what Ringferry delivers to a tap interface; it listens on return."""
        receiver = StreamReceiver(self.netns, self._stream_tool, tap.name, self._stream_log(),
                                  **options)
        self._stack.callback(receiver.kill)
        return receiver
