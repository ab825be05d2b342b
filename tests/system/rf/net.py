# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Network namespace, taps, and numbered streams on them."""

import json
import os
import signal
import subprocess
from typing import Any, Dict, List, Optional

from rf.proc import Process, run
from rf.wait import Deadline, WaitTimeout, wait_until

# A tap's own queue towards its reader; the kernel drops what does not fit.
TAP_QUEUE = 10000


class NetNs:
    """A network namespace without a name: it ends with the process that holds it."""

    def __init__(self, log: str):
        script = ("ip link set lo up && "
                  "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && "
                  "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && "
                  "echo ready && exec cat")
        self.holder = Process("netns", ["unshare", "--net", "--", "sh", "-c", script], log,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.popen.stdout.readline() != b"ready\n":
            raise AssertionError(f"no network namespace:\n{self.holder.log_tail()}")

    def wrap(self, args: List[str]) -> List[str]:
        """The command line that runs args inside."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--", *args]

    def run(self, args: List[str], seconds: float = 30.0, check: bool = True) -> str:
        """Run a short command inside."""
        return run(self.wrap(args), seconds, check)

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self.holder.kill()
        for pipe in (self.holder.popen.stdin, self.holder.popen.stdout):
            pipe.close()


class Tap:
    """A network interface that the daemon's net_tap has made."""

    def __init__(self, netns: NetNs, name: str):
        self.netns = netns
        self.name = name

    def link(self, *args: str) -> List[Dict[str, Any]]:
        """`ip -json link show` of it, [] if it does not exist."""
        text = self.netns.run(["ip", "-json", *args, "link", "show", "dev", self.name],
                              check=False)
        return [entry for entry in json.loads(text or "[]") if entry]

    def set_up(self, mtu: Optional[int] = None, address: Optional[str] = None,
               queue: int = TAP_QUEUE) -> "Tap":
        """Wait for it, give it a long queue and an address, and set it up."""
        wait_until(self.link, f"interface {self.name} is there")
        self.netns.run(["ip", "link", "set", "dev", self.name, "txqueuelen", str(queue)])
        if mtu is not None:
            self.netns.run(["ip", "link", "set", "dev", self.name, "mtu", str(mtu)])
        if address is not None:
            self.netns.run(["ip", "address", "replace", address, "dev", self.name])
        self.netns.run(["ip", "link", "set", "dev", self.name, "up"])
        wait_until(lambda: "UP" in self.link()[0]["flags"], f"{self.name} is up")
        return self

    def stats(self) -> Dict[str, int]:
        """The kernel's counters. `rx` is what came from Ringferry, `tx` what went to it."""
        stats = self.link("-statistics")[0]["stats64"]
        return {f"{way}_{key}": stats[way][key]
                for way in ("rx", "tx") for key in ("packets", "bytes", "errors", "dropped")}

    def mac(self) -> str:
        """Its Ethernet address."""
        return self.link()[0]["address"]


class _Stream(Process):
    """An rf-stream process; it prints JSON lines."""

    def __init__(self, netns: NetNs, tool: str, args: List[str], log: str):
        super().__init__(f"rf-stream {args[0]}", netns.wrap([tool, *args]), log,
                         stdout=subprocess.PIPE)
        os.set_blocking(self.popen.stdout.fileno(), False)
        self._text = b""
        self._last: Optional[Dict[str, Any]] = None

    def _line(self, seconds: float) -> Dict[str, Any]:
        deadline = Deadline(seconds)

        def more() -> bool:
            self._text += self.popen.stdout.read() or b""
            return b"\n" in self._text or not self.running()

        wait_until(more, f"{self.name} prints a line", deadline.left())
        self._text += self.popen.stdout.read() or b""
        line, newline, self._text = self._text.partition(b"\n")
        if not newline:
            raise AssertionError(f"{self.name} ended early:\n{self.log_tail()}")
        self._last = json.loads(line)
        return self._last

    def report(self, seconds: float = 10.0) -> Dict[str, Any]:
        """What it has done until now."""
        if self.running():
            self.signal(signal.SIGUSR1)
            return self._line(seconds)
        return self.finish(seconds)

    def finish(self, seconds: float = 30.0) -> Dict[str, Any]:
        """Wait for its own end and return the last report."""
        return self._collect(seconds)

    def end(self, seconds: float = 10.0) -> Dict[str, Any]:
        """Tell it to end and return the last report."""
        self.signal(signal.SIGTERM)
        return self._collect(seconds)

    def _collect(self, seconds: float) -> Dict[str, Any]:
        deadline = Deadline(seconds)
        if self.wait(deadline.left()) != 0:
            raise AssertionError(f"{self.name} failed:\n{self.log_tail()}")
        while self._text or self._last is None or not self.popen.stdout.closed:
            try:
                self._line(1)
            except (AssertionError, ValueError):
                self.popen.stdout.close()
                break
        if self._last is None:
            raise WaitTimeout(f"{self.name} reported nothing")
        return self._last


class StreamSender(_Stream):
    """Sends numbered frames out of an interface, that is into Ringferry."""

    def __init__(self, netns: NetNs, tool: str, interface: str, log: str, *,
                 count: int = 0, rate: int = 0, size: int = 60, stream: int = 0, first: int = 0,
                 mac: str = "ff:ff:ff:ff:ff:ff"):
        super().__init__(netns, tool, [
            "send", "-i", interface, "-n", str(count), "-r", str(rate), "-s", str(size),
            "-S", str(stream), "-f", str(first), "-d", mac], log)


class StreamReceiver(_Stream):
    """Receives numbered frames on an interface; listens when the constructor returns."""

    def __init__(self, netns: NetNs, tool: str, interface: str, log: str, *,
                 count: int = 0, kind: str = "stream", echo: bool = False):
        super().__init__(netns, tool, [
            "recv", "-i", interface, "-n", str(count), "-k", kind, *(["-e"] if echo else [])], log)
        if self._line(10) != {"ready": True}:
            raise AssertionError(f"{self.name} said {self._last}")
