#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Runs the checks of the tree, all or those named, and prints what they find."""

import sys
from pathlib import Path

from checks import CHECKS


def main() -> int:
    """0 if nothing is found."""
    root = Path(__file__).resolve().parents[2]
    names = sys.argv[1:] or list(CHECKS)
    status = 0
    for name in names:
        if name not in CHECKS:
            print(f'lint: no check {name}; there are: {" ".join(CHECKS)}', file=sys.stderr)
            return 2
        findings = list(CHECKS[name](root))
        for finding in findings:
            print(finding)
        print(f'{name}: {len(findings)} found')
        status = 1 if findings else status
    return status


if __name__ == '__main__':
    sys.exit(main())
