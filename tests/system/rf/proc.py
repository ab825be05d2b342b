# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Child processes that never outlive the harness."""

import ctypes
import os
import signal
import subprocess
from typing import Dict, List, Optional

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """In a child before exec: be killed when the harness ends, however it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """A program with its output in a log file."""

    def __init__(self, name: str, args: List[str], log: str,
                 env: Optional[Dict[str, str]] = None, stdout: Optional[int] = None,
                 stdin: int = subprocess.DEVNULL):
        self.name = name
        self.args = args
        self.log = log
        with open(log, "ab") as out:
            out.write(f"$ {' '.join(args)}\n".encode())
            out.flush()
            # Its own session: a Ctrl-C on the terminal is for the harness to act on.
            self.popen = subprocess.Popen(
                args, stdin=stdin, stdout=out if stdout is None else stdout, stderr=out,
                env={**os.environ, **(env or {})}, start_new_session=True,
                preexec_fn=die_with_parent)

    @property
    def pid(self) -> int:
        """Process id."""
        return self.popen.pid

    def running(self) -> bool:
        """Has it not ended yet?"""
        return self.popen.poll() is None

    def check_running(self) -> None:
        """Raise if it has ended."""
        if not self.running():
            raise AssertionError(
                f"{self.name} ended with {self.popen.returncode}:\n{self.log_tail()}")

    def log_text(self) -> str:
        """Everything it has printed."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines it printed."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.running():
            self.popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait for its end and return the exit status (negative: the signal's number)."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} did not end within {seconds:g} s:\n{self.log_tail()}") from None

    def kill(self) -> None:
        """End it at once. Idempotent."""
        if self.running():
            self.popen.kill()
        self.popen.wait(10)

    def stop(self, seconds: float = 10.0) -> int:
        """Ask it to end; kill it and raise if it does not. Returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except AssertionError:
            self.kill()
            raise


def run(args: List[str], seconds: float = 30.0, check: bool = True) -> str:
    """Run a short command and return what it printed on stdout."""
    result = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, timeout=seconds, check=False,
                            preexec_fn=die_with_parent)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(args)}: status {result.returncode}:\n"
                             f"{result.stdout}{result.stderr}")
    return result.stdout


def run_tool(args: List[str], seconds: float, capture: bool) -> str:
    """Run a tool that cleans up after itself when it is terminated; returns its output.

    Raises AssertionError if it fails or takes too long.
    """
    with subprocess.Popen(args, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE if capture else None,
                          stderr=subprocess.STDOUT if capture else None) as process:
        try:
            text = process.communicate(timeout=seconds)[0] or ""
        except BaseException as error:
            process.terminate()
            text = process.communicate(timeout=60)[0] or ""
            if isinstance(error, subprocess.TimeoutExpired):
                raise AssertionError(f"{args[0]}: not done in {seconds:g} s\n{text}") from None
            raise
    if process.returncode != 0:
        raise AssertionError(f"{' '.join(args)}: status {process.returncode}\n{text}")
    return text
