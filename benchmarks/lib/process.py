# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Child processes that never outlive the benchmark.

Every child is stopped by its own pid, and the kernel kills it should this
process die without a word.
"""

import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from .errors import BenchmarkError

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _prepare(cpus):
    """Runs in the child before its program."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if cpus:
        os.sched_setaffinity(0, cpus)


class Child:
    """One process, its log file, and the CPU time of its threads."""

    def __init__(self, name: str, argv: list, log: Path, stdin=subprocess.DEVNULL, stdout=None,
                 environment: dict = None, cpus: set = None):
        self.name = name
        self.argv = [str(arg) for arg in argv]
        self.log = log
        self.ask_to_end = None      # a call that asks more politely than SIGTERM
        with open(log, 'ab') as logfile:
            try:
                # A session of its own: Ctrl-C reaches the children through stop() alone.
                self.process = subprocess.Popen(
                    self.argv, stdin=stdin, stdout=stdout or logfile,
                    stderr=subprocess.STDOUT if stdout else logfile, start_new_session=True,
                    env={**os.environ, **(environment or {})},
                    preexec_fn=lambda: _prepare(cpus))
            except OSError as error:
                raise BenchmarkError(f'{name}: cannot start {self.argv[0]}: {error}') from None

    @property
    def command(self) -> str:
        return shlex.join(self.argv)

    def is_running(self) -> bool:
        return self.process.poll() is None

    def check_running(self):
        if not self.is_running():
            raise BenchmarkError(f'{self.name} ended (status {self.process.returncode}):\n'
                                 + self.tail())

    def tail(self, lines: int = 15) -> str:
        try:
            text = self.log.read_text(errors='replace')
        except OSError as error:
            return f'(no log: {error})'
        return '\n'.join('    ' + line for line in text.splitlines()[-lines:])

    def wait_for(self, what: str, condition, seconds: float):
        """Wait until condition() is true; BenchmarkError at the deadline or if the child ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.check_running()
            if time.monotonic() > deadline:
                raise BenchmarkError(f'{self.name}: no {what} after {seconds:.0f} s:\n'
                                     + self.tail())
            time.sleep(0.02)

    def thread_times(self) -> dict:
        """By thread id: (name, ns on a CPU, ns waiting for one)."""
        return thread_times(self.process.pid)

    def stop(self, seconds: float = 5.0):
        """End the process: ask it, then SIGTERM, at the deadline SIGKILL. Safe to repeat."""
        steps = [(lambda: self.process.send_signal(signal.SIGTERM), seconds),
                 (lambda: self.process.send_signal(signal.SIGKILL), 5.0)]
        if self.ask_to_end:
            steps.insert(0, (self.ask_to_end, seconds))
        for step, patience in steps:
            if not self.is_running():
                return
            try:
                step()
                self.process.wait(patience)
            except (OSError, subprocess.TimeoutExpired):
                continue


def thread_times(pid: int) -> dict:
    """See Child.thread_times()."""
    times = {}
    for task in Path(f'/proc/{pid}/task').iterdir():
        try:
            name = (task / 'comm').read_text().strip()
            ran, waited = (task / 'schedstat').read_text().split()[:2]
        except OSError:
            continue    # the thread has just ended
        times[task.name] = (name, int(ran), int(waited))
    return times


def busiest_thread(before: dict, after: dict) -> dict:
    """The thread that ran most between two thread_times(): the polling one."""
    best = {'id': '', 'name': '', 'ran': 0, 'waited': 0}
    for tid, (name, ran, waited) in after.items():
        _, ran0, waited0 = before.get(tid, (name, 0, 0))
        if ran - ran0 > best['ran']:
            best = {'id': tid, 'name': name, 'ran': ran - ran0, 'waited': waited - waited0}
    return best


@contextlib.contextmanager
def realtime(children: list, polling: list):
    """Give children and this process real-time priority for a moment.

    The polling threads (ids as in busiest_thread()) get less than all others, or
    nobody would answer on their CPUs. Within each second the kernel still gives
    other programs 5 %.
    """
    urgent, poll = os.sched_param(2), os.sched_param(1)
    changed = []
    try:
        for pid in [os.getpid()] + [child.process.pid for child in children]:
            for tid in thread_times(pid):
                changed.append(int(tid))
                _set_policy(int(tid), os.SCHED_FIFO, poll if tid in polling else urgent)
        yield
    finally:
        for tid in changed:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(tid, os.SCHED_OTHER, os.sched_param(0))


def _set_policy(tid: int, policy: int, param):
    try:
        os.sched_setscheduler(tid, policy, param)
    except PermissionError:
        raise BenchmarkError('--realtime: not permitted') from None
    except ProcessLookupError:
        pass    # it has just ended
