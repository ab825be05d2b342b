# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Waiting for conditions, always with a deadline."""

import time
from typing import Callable, Optional, TypeVar

T = TypeVar("T")

# Sanitized programs and busy machines are slower than what a test was written on.
DEFAULT_SECONDS = 30.0
POLL_SECONDS = 0.02


class WaitTimeout(AssertionError):
    """A condition did not come true in time."""


class Deadline:
    """A point in time that several waits share."""

    def __init__(self, seconds: float = DEFAULT_SECONDS):
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, 0 if none."""
        return max(0.0, self.end - time.monotonic())

    def passed(self) -> bool:
        """Is it over?"""
        return self.left() == 0.0


def wait_until(condition: Callable[[], T], what: str, seconds: float = DEFAULT_SECONDS,
               interval: float = POLL_SECONDS, alive: Optional[Callable[[], None]] = None) -> T:
    """Ask condition until it gives something true, and return that.

    alive, if given, is called between; it raises when waiting on makes no sense.
    """
    deadline = Deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if alive is not None:
            alive()
        if deadline.passed():
            raise WaitTimeout(f"not within {seconds:g} s: {what} (last: {value!r})")
        time.sleep(min(interval, max(deadline.left(), 0.001)))


def wait_settled(number: Callable[[], int], enough: Callable[[int], bool], what: str,
                 quiet: float = 3.0, seconds: float = DEFAULT_SECONDS,
                 interval: float = 0.1) -> int:
    """Follow a growing number until it is enough, or has stood still for `quiet` seconds.

    For counts that may rightly end short (a loss that the test then reports).
    """
    deadline = Deadline(seconds)
    last = number()
    changed = time.monotonic()
    while not enough(last) and time.monotonic() - changed < quiet:
        if deadline.passed():
            raise WaitTimeout(f"not within {seconds:g} s: {what} (last: {last})")
        time.sleep(interval)
        now = number()
        if now != last:
            last = now
            changed = time.monotonic()
    return last
