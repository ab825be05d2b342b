# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Finds the benchmarks: one file each, next to `run`.

A benchmark is a module with a doc string (its --help text) and
    SUMMARY                 one line for --list
    add_arguments(parser)   its own options
    run(ctx) -> Result      measures; raises BenchmarkError if it cannot
"""

import importlib
from pathlib import Path


def find(folder: Path) -> dict:
    """The benchmark modules in a folder, by name (`idle_rings.py` is `idle-rings`)."""
    found = {}
    for path in sorted(folder.glob('*.py')):
        module = importlib.import_module(path.stem)
        for needed in ('SUMMARY', 'add_arguments', 'run'):
            if not hasattr(module, needed):
                raise ImportError(f'{path.name}: a benchmark needs {needed}')
        found[path.stem.replace('_', '-')] = module
    return found
