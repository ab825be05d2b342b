# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""One run of a benchmark: its CPUs, memory, folder, children, and progress.

Leaving the context stops every child and gives back folder and huge pages,
whatever the reason for leaving.
"""

import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from . import machine
from .errors import BenchmarkError
from .hugepages import Hugepages
from .process import Child

# Per process: packet buffers, rings and what EAL itself takes.
MEMORY_MIB = 256
LOCK = Path('/tmp/ringferry-benchmark.lock')


def _interrupt(_number, _frame):
    raise KeyboardInterrupt


class Context:
    """See the module. Attributes: args, build, folder, front_cpu, back_cpu, huge, commands."""

    def __init__(self, args):
        self.args = args
        self.build = args.build.resolve()
        self.commands = {}
        self.details = {}       # by back-end: what it says about itself
        self.huge = False
        self._children = []
        self._spawned = 0
        self._hugepages = Hugepages(2 * MEMORY_MIB)
        self._started = time.monotonic()
        self._steps = self._step = 0
        self._lock = None
        self._saved_affinity = os.sched_getaffinity(0)

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):     # also where a shell ignores them
            signal.signal(number, _interrupt)
        self._take_lock()
        self.front_cpu, self.back_cpu = machine.choose_cpus(self.args.cpus)
        # This process works seldom; what it does must not be on the measured core.
        os.sched_setaffinity(0, {self.front_cpu})
        self.folder = Path(tempfile.mkdtemp(prefix='ringferry-bench-'))
        try:
            self.huge = not self.args.no_huge and self._hugepages.reserve()
        except BaseException:
            self.close()
            raise
        memory = 'huge pages' if self.huge else 'no huge pages'
        self.say(f'front-end on CPU {self.front_cpu}, back-end on CPU {self.back_cpu}, {memory}')
        return self

    def __exit__(self, *_reason):
        self.close()

    def _take_lock(self):
        try:
            self._lock = os.open(LOCK, os.O_RDONLY | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchmarkError('another benchmark is running; two would measure each other') \
                from None
        except OSError as error:
            raise BenchmarkError(f'cannot lock {LOCK}: {error}') from None

    def close(self):
        # A second Ctrl-C must not leave processes or pages behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in reversed(self._children):
            child.stop()
        self._hugepages.restore()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.sched_setaffinity(0, self._saved_affinity)
        os.close(self._lock)

    def spawn(self, name: str, argv: list, **options) -> Child:
        """Start a child that ends with this context; its command goes into the result."""
        self._spawned += 1
        child = Child(name, argv, self.folder / f'{self._spawned}-{name}.log',
                      # EAL keeps its run-time files here, and they go with the folder.
                      environment={'RUNTIME_DIRECTORY': str(self.folder)},
                      cpus=self._saved_affinity, **options)
        self._children.append(child)
        self.commands[name] = child.command
        return child

    def release(self, child: Child):
        """Stop a child before the end of the context."""
        child.stop()
        if child in self._children:
            self._children.remove(child)

    def program(self, relative: str) -> Path:
        """A program of the build folder."""
        path = self.build / relative
        if not os.access(path, os.X_OK):
            raise BenchmarkError(f'{path} is missing: build first (ninja -C {self.build})')
        return path

    def eal_memory(self, name: str) -> list:
        """The EAL options that keep the processes apart and share memory with a peer."""
        if self.huge:
            return ['--in-memory', '--single-file-segments']
        return ['--no-huge', '-m', str(MEMORY_MIB), '--file-prefix', name.replace(' ', '-')]

    def elapsed(self) -> float:
        """Seconds since this run was set up."""
        return time.monotonic() - self._started

    def expect_steps(self, count: int):
        """How many step() calls will come."""
        self._steps, self._step = count, 0

    def step(self, text: str):
        """One sample is done: show how far the run is."""
        self._step += 1
        passed = self.elapsed()
        left = passed / self._step * (self._steps - self._step)
        self.say(f'[{self._step:3}/{self._steps}] {text}   {passed:.0f} s, about {left:.0f} s left')

    @staticmethod
    def say(text: str):
        print(text, file=sys.stderr, flush=True)

    def settings(self) -> dict:
        return {'quick': self.args.quick, 'front_cpu': self.front_cpu, 'back_cpu': self.back_cpu,
                'hugepages': self.huge, 'realtime': self.args.realtime,
                'argv': sys.argv}
