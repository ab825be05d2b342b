# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The one error that ends a benchmark without a report."""


class BenchmarkError(Exception):
    """The set-up failed, or the measured path is broken: there is no result."""
