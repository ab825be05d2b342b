# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""A line of JSON either way over a unix socket that QEMU connects to: QMP, and the agent."""

import json
import os
import socket
from typing import Any, Callable, Dict, List, Optional

from rf.wait import Deadline, WaitTimeout


class QmpError(AssertionError):
    """QEMU refused a command."""


class LineServer:
    """Listens on a path; one peer connects. Listening before the peer starts loses nothing."""

    def __init__(self, path: str):
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(1)
        self._peer: Optional[socket.socket] = None
        self._text = b""

    def accept(self, seconds: float, alive: Callable[[], None]) -> None:
        """Wait for the peer."""
        deadline = Deadline(seconds)
        self._listener.settimeout(0.2)
        while self._peer is None:
            try:
                self._peer, _ = self._listener.accept()
            except TimeoutError:
                alive()
                if deadline.passed():
                    raise WaitTimeout(f"nobody connected to {self.path}") from None

    def send(self, text: str) -> None:
        """Send a line."""
        self._peer.settimeout(10)
        self._peer.sendall(text.encode() + b"\n")

    def receive(self, seconds: float) -> Dict[str, Any]:
        """The next line that is JSON; others (a boot loader's, a half line) are skipped."""
        deadline = Deadline(seconds)
        while True:
            line, newline, rest = self._text.partition(b"\n")
            if newline:
                self._text = rest
                try:
                    return json.loads(line)
                except ValueError:
                    continue
            if deadline.passed():
                raise WaitTimeout(f"no line from {self.path} within {seconds:g} s")
            self._peer.settimeout(max(deadline.left(), 0.001))
            try:
                data = self._peer.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise ConnectionError(f"{self.path}: the peer has gone")
            self._text += data

    def close(self) -> None:
        """Close and remove the socket. Idempotent."""
        for sock in (self._peer, self._listener):
            if sock is not None:
                sock.close()
        self._peer = None
        if os.path.exists(self.path):
            os.unlink(self.path)


class Qmp(LineServer):
    """QEMU's machine protocol."""

    def __init__(self, path: str):
        super().__init__(path)
        self.events: List[Dict[str, Any]] = []

    def open(self, seconds: float, alive: Callable[[], None]) -> None:
        """Wait for QEMU and leave its negotiation mode."""
        self.accept(seconds, alive)
        if "QMP" not in self.receive(seconds):
            raise QmpError("no greeting")
        self.command("qmp_capabilities")

    def command(self, name: str, /, *, seconds: float = 20.0, **arguments: Any) -> Any:
        """Run a command and return its result; events that come meanwhile are kept."""
        self.send(json.dumps({"execute": name, "arguments": arguments}))
        deadline = Deadline(seconds)
        while True:
            message = self.receive(deadline.left())
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QmpError(f"{name}: {message['error']['desc']}")
            if "event" in message:
                self.events.append(message)

    def wait_event(self, name: str, seconds: float = 20.0) -> Dict[str, Any]:
        """The first event of that name not yet taken; it is taken."""
        deadline = Deadline(seconds)
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            message = self.receive(deadline.left())
            if "event" in message:
                self.events.append(message)
