# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""ringferryd: its configuration, its life, and its management socket."""

import copy
import json
import os
import re
import signal
import socket
import subprocess
from typing import Any, Dict, Iterator, List, Optional, Tuple

from rf.proc import Process, die_with_parent
from rf.wait import Deadline, WaitTimeout, wait_until

READY_SECONDS = 60.0
STOP_SECONDS = 20.0

# What a sanitizer prints when it finds something.
SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|runtime error:")

REWIRED = re.compile(r"fwd: wire \S+ removed")


class DaemonError(AssertionError):
    """The daemon ended badly, or a command failed."""


class RpcError(DaemonError):
    """A JSON-RPC error reply."""

    def __init__(self, error: Dict[str, Any]):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code = error.get("code")
        self.errno: Optional[int] = (error.get("data") or {}).get("errno")


class Config:
    """A configuration file in the making. Methods return self, to be chained."""

    def __init__(self, **settings: Any):
        """Keys of [global], with _ for -. Two cores are shared with guests: lcores yield."""
        self.sections: Dict[str, Dict[str, Any]] = {"global": {"idle-policy": "yield"}}
        self.set("global", **settings)

    def set(self, section: str, **settings: Any) -> "Config":
        """Set keys of a section, with _ for -; None takes a key out."""
        keys = self.sections.setdefault(section, {})
        for key, value in settings.items():
            keys[key.replace("_", "-")] = value
        return self

    def vhost(self, name: str, **settings: Any) -> "Config":
        """Add a vhost port, by default a server on NAME.sock in the run directory."""
        return self.set(f"port {name}", **{"type": "vhost", "socket": f"{name}.sock", **settings})

    def ethdev(self, name: str, device: str, **settings: Any) -> "Config":
        """Add an ethdev port."""
        return self.set(f"port {name}", **{"type": "ethdev", "device": device, **settings})

    def tap(self, name: str, interface: str, index: int = 0, **settings: Any) -> "Config":
        """Add an ethdev port that is a tap interface.

        Its address stays over a restart of the daemon: guests remember it.
        """
        mac = f"00:64:74:61:70:{index:02x}"
        return self.ethdev(name, f"net_tap{index},iface={interface},mac={mac}", **settings)

    def wire(self, name: str, one: str, other: str) -> "Config":
        """Join two ports."""
        return self.set(f"wire {name}", ports=f"{one}, {other}")

    def lcores(self, count: int) -> "Config":
        """Have up to so many data lcores, as far as there are CPUs."""
        cpus = sorted(os.sched_getaffinity(0))[-count:]
        return self.set("global", data_lcores=",".join(map(str, cpus)))

    def copy(self) -> "Config":
        """An independent copy."""
        return copy.deepcopy(self)

    def text(self) -> str:
        """The file."""
        lines = []
        for section, keys in self.sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {value}" for key, value in keys.items() if value is not None]
            lines.append("")
        return "\n".join(lines)


class Rpc:
    """A connection to the management socket."""

    def __init__(self, path: str, seconds: float = 20.0):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(seconds)
        self._socket.connect(path)
        self._text = b""
        self._id = 0

    def __enter__(self) -> "Rpc":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def receive(self) -> Any:
        """The next line, decoded. ConnectionError at the end of the stream."""
        while b"\n" not in self._text:
            data = self._socket.recv(1 << 20)
            if not data:
                raise ConnectionError("the daemon has hung up")
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        return json.loads(line)

    def call(self, method: str, **params: Any) -> Any:
        """Call a method and return its result."""
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method}
        if params:
            request["params"] = params
        self.send_raw(json.dumps(request).encode() + b"\n")
        reply = self.receive()
        if reply.get("id") != self._id or reply.get("jsonrpc") != "2.0":
            raise DaemonError(f"not the reply to {request}: {reply}")
        if "error" in reply:
            raise RpcError(reply["error"])
        return reply["result"]


class Daemon:
    """One ringferryd with a run directory of its own.

    It is started by the constructor, may be stopped and started again, and has
    to end with status 0 and without a sanitizer's report.
    """

    def __init__(self, name: str, folder: str, build: str, config: Config, *,
                 wrap: Any = None, eal: Optional[List[str]] = None, start: bool = True):
        self.name = name
        self.folder = folder
        self.program = os.path.join(build, "app", "ringferryd")
        self.ctl_program = os.path.join(build, "app", "ringferryctl")
        self.config = config.copy()
        self.config.set("global", run_directory=os.path.join(folder, name))
        self.eal = eal or []
        self.log = os.path.join(folder, f"{name}.log")
        self.status: Dict[str, str] = {}
        self._wrap = wrap or (lambda args: args)
        self._process: Optional[Process] = None
        self._mbufs_at_start = 0
        self._log_start = 0  # where the log of this run begins
        os.makedirs(self.path(""), exist_ok=True)
        if start:
            self.start()

    def path(self, name: str) -> str:
        """A path in the run directory."""
        return os.path.join(self.folder, self.name, name)

    @property
    def control(self) -> str:
        """The management socket."""
        return self.path("ringferry.sock")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    # --- life -----------------------------------------------------------

    def command(self) -> List[str]:
        """Write the configuration; the command line to start with."""
        path = os.path.join(self.folder, f"{self.name}.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.config.text())
        return self._wrap([self.program, "-c", path, *(["--", *self.eal] if self.eal else [])])

    def start(self, seconds: float = READY_SECONDS) -> None:
        """Start and wait for READY=1."""
        notify = os.path.join(self.folder, f"{self.name}.notify")
        self._log_start = len(self.log_text()) if os.path.exists(self.log) else 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(notify)
            try:
                self._process = Process(self.name, self.command(), self.log,
                                        env={"NOTIFY_SOCKET": notify})
                self._wait_ready(listener, Deadline(seconds))
            finally:
                os.unlink(notify)
        self._mbufs_at_start = self.rpc("mempool.show")["in_use"]

    def _wait_ready(self, listener: socket.socket, deadline: Deadline) -> None:
        listener.settimeout(0.2)
        while True:
            try:
                message = listener.recv(4096).decode()
            except TimeoutError:
                self._process.check_running()
                if deadline.passed():
                    raise WaitTimeout(f"{self.name} is not ready:\n{self.log_tail()}") from None
                continue
            for line in message.splitlines():
                key, _, value = line.partition("=")
                self.status[key] = value
            if self.status.pop("READY", None) == "1":
                return

    def running(self) -> bool:
        """Does it run?"""
        return self._process is not None and self._process.running()

    def check_running(self) -> None:
        """Raise if it has ended."""
        self._process.check_running()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """SIGTERM; has to end in time with status 0 and with nothing for a sanitizer to say."""
        self.end(signal.SIGTERM, seconds)

    def end(self, number: signal.Signals, seconds: float = STOP_SECONDS) -> None:
        """Send a signal that ends it in good order, as stop() does."""
        self._process.signal(number)
        try:
            status = self._process.wait(seconds)
        except AssertionError:
            self._process.kill()
            raise
        if status != 0:
            raise DaemonError(f"{self.name} ended with {status}:\n{self.log_tail()}")
        self.check_log()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """kill -9."""
        self._process.signal(signal.SIGKILL)
        self._process.wait(10)

    def close(self) -> None:
        """End it if it runs, with the checks of stop()."""
        if self.running():
            self.stop()
        elif self._process is not None and self._process.popen.returncode not in (
                0, -signal.SIGKILL):
            raise DaemonError(f"{self.name} ended by itself with "
                              f"{self._process.popen.returncode}:\n{self.log_tail()}")

    def log_text(self) -> str:
        """All it has logged."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def check_log(self) -> None:
        """Raise if a sanitizer has complained."""
        match = SANITIZER.search(self.log_text())
        if match:
            raise DaemonError(f"{self.name}: {self.log_text()[match.start():][:4000]}")

    # --- management -------------------------------------------------------

    def rpc(self, method: str, **params: Any) -> Any:
        """One JSON-RPC call on a connection of its own."""
        with Rpc(self.control) as rpc:
            return rpc.call(method, **params)

    def connect(self) -> Rpc:
        """A connection to the management socket."""
        return Rpc(self.control)

    def ctl_run(self, *args: str, seconds: float = 20.0) -> "subprocess.CompletedProcess[str]":
        """Run ringferryctl as an operator would; status and output are the caller's to judge."""
        return subprocess.run([self.ctl_program, "-s", self.control, *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds, check=False, preexec_fn=die_with_parent)

    def ctl_text(self, *args: str) -> str:
        """ringferryctl's text output; raises if it fails."""
        result = self.ctl_run(*args)
        if result.returncode != 0:
            raise DaemonError(f"ringferryctl {' '.join(args)}: status {result.returncode}: "
                              f"{result.stdout}{result.stderr}")
        return result.stdout

    def ctl(self, *args: str) -> Any:
        """ringferryctl --json, decoded; raises if it fails."""
        return json.loads(self.ctl_text("--json", *args))

    def rings(self, device: Optional[str] = None) -> List[Dict[str, Any]]:
        """All rings, or those of one device."""
        return self.rpc("ring.list", **({"device": device} if device else {}))

    def runnable(self, device: str) -> int:
        """How many rings of a device run."""
        return sum(ring["runnable"] for ring in self.rings(device))

    def wait_rings(self, device: str, count: int, seconds: float = 30.0) -> None:
        """Wait until so many rings of a device are polled."""
        wait_until(lambda: sum(ring["polled_by"] is not None for ring in self.rings(device))
                   == count, f"{count} rings of {device} are polled", seconds,
                   alive=self.check_running)

    def connected(self, device: str) -> bool:
        """Has a vhost port a front-end?"""
        return self.rpc("port.show", name=device)["vhost"]["connected"]

    def wait_connected(self, device: str, yes: bool = True, seconds: float = 30.0) -> None:
        """Wait until a vhost port has a front-end, or has none."""
        wait_until(lambda: self.connected(device) == yes,
                   f"{device} is {'connected' if yes else 'free'}", seconds,
                   alive=self.check_running)

    def mbufs(self) -> int:
        """How many packet buffers are in use."""
        return self.rpc("mempool.show")["in_use"]

    def fds(self) -> int:
        """How many file descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self) -> int:
        """Its resident memory, in bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def sanitized(self) -> bool:
        """Is it built with a sanitizer? Then freed memory stays with it for a while."""
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as file:
            return "libasan" in file.read()

    # --- the books --------------------------------------------------------

    def stats(self) -> Dict[str, Dict[str, Any]]:
        """Port name -> its two directions."""
        return {port["name"]: port for port in self.rpc("stats.show")}

    def check_conservation(self) -> Dict[str, Dict[str, Any]]:
        """Raise if a port's books do not balance; returns them.

        Taken while packets move, numbers of one direction may be a moment
        apart: a test calls this when the traffic has ended.
        """
        stats = self.stats()
        for port, way, came, went in books(stats):
            if came != went or not stats[port][way]["balanced"]:
                raise DaemonError(f"{self.name}: port {port}, {way}: {came} came and {went} are "
                                  f"accounted for: {stats[port][way]}")
        self._check_wires(stats)
        self._check_mempool(stats)
        return stats

    def _check_wires(self, stats: Dict[str, Dict[str, Any]]) -> None:
        """Raise if a wire has not handed on at one end what it took at the other."""
        if REWIRED.search(self.log_text(), self._log_start):
            return  # its ports have counted for other wires too
        for wire in self.rpc("wire.list"):
            for source, target in (wire["ports"], wire["ports"][::-1]):
                passed = stats[source]["in"]["passed"]
                offered = stats[target]["out"]["packets"]
                if passed != offered:
                    raise DaemonError(f"{self.name}: wire {wire['name']}: {source} has passed "
                                      f"{passed}, {target} was offered {offered}")

    def _check_mempool(self, stats: Dict[str, Dict[str, Any]]) -> None:
        """Raise if packet buffers have been lost since the start."""
        in_hand = sum(port[way]["in_hand"] for port in stats.values() for way in ("in", "out"))
        in_use = self.rpc("mempool.show")["in_use"]
        if in_use > self._mbufs_at_start + in_hand:
            raise DaemonError(f"{self.name}: {in_use} packet buffers in use, "
                              f"{self._mbufs_at_start} at the start, {in_hand} in hand")


def books(stats: Dict[str, Dict[str, Any]]) -> Iterator[Tuple[str, str, int, int]]:
    """Of each port and direction: what came, and what became of it, added up."""
    for name, port in stats.items():
        for way, came, went in (("in", "packets", "passed"), ("out", "packets", "delivered")):
            counts = port[way]
            yield (name, way, counts[came],
                   counts[went] + sum(counts["dropped"].values()) + counts["in_hand"])
