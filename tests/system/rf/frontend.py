# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""fe-tool: a guest in C that sends numbered frames and accounts for those it gets."""

import json
import os
import signal
from typing import Any, Callable, Dict, List

from rf.proc import Process


class FrontEnd(Process):
    """A fe-tool on the socket of a vhost port. It prints its account when it ends."""

    def __init__(self, name: str, folder: str, build: str, socket: str, *options: str,
                 seconds: int = 120,
                 wrap: Callable[[List[str]], List[str]] = lambda args: args):
        tool = os.path.join(build, "tests", "frontend", "fe-tool")
        super().__init__(name, wrap([tool, "--socket", socket, "--seconds", str(seconds),
                                     *options]), os.path.join(folder, f"{name}.log"))

    def account(self, seconds: float = 60.0) -> Dict[str, Any]:
        """Wait for its own end; what it has sent and received."""
        self.wait(seconds)
        return self._account()

    def end(self, seconds: float = 60.0) -> Dict[str, Any]:
        """Have it end, when what it has sent is taken; what it has sent and received."""
        self.signal(signal.SIGTERM)
        return self.account(seconds)

    def _account(self) -> Dict[str, Any]:
        lines = [line for line in self.log_text().splitlines() if line.startswith("{")]
        if not lines:
            raise AssertionError(f"{self.name} gave no account:\n{self.log_tail()}")
        account = json.loads(lines[-1])
        if account["error"] is not None:
            raise AssertionError(f"{self.name} failed: {account}")
        return account
