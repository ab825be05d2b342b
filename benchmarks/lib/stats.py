# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Summaries of few samples."""

import statistics


def summary(values: list) -> dict:
    """Median, least, greatest, and the spread (greatest - least, in parts of the median)."""
    middle = statistics.median(values)
    low, high = min(values), max(values)
    return {'median': middle, 'min': low, 'max': high, 'count': len(values),
            'spread': (high - low) / middle if middle else 0.0}


def ratio(ours: list, theirs: list) -> dict:
    """Of the medians, and of each round by itself: rounds share the machine's mood."""
    rounds = [a / b for a, b in zip(ours, theirs) if b]
    return {'median': statistics.median(ours) / statistics.median(theirs),
            'min': min(rounds), 'max': max(rounds)}
