#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Counts the results in JUnit files, as meson and pytest write them.

Prints one line "PASSED FAILED SKIPPED", then a line per test that did not
pass: "failed NAME" or "skipped NAME: REASON". For meson a program is one test;
if its output is cmocka's, the tests in it are counted instead.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from typing import List, Tuple


def one_line(text: str, width: int = 160) -> str:
    """The first line of a text that says something, cut to width."""
    for line in text.splitlines():
        line = line.strip()
        if line:
            return line[:width]
    return ''


def skip_reason(case: ElementTree.Element, skipped: ElementTree.Element) -> str:
    """pytest gives a message; a meson test says it as the last thing it prints."""
    reason = skipped.get('message') or ''
    if not reason:
        out = case.findtext('system-out') or ''
        lines = [line for line in out.splitlines() if line.strip()]
        reason = lines[-1] if lines else ''
    return one_line(reason) or 'no reason given'


def case_name(suite: ElementTree.Element, case: ElementTree.Element) -> str:
    """The name that finds the test again."""
    prefix = case.get('classname') or suite.get('name') or ''
    return f'{prefix}:{case.get("name")}' if prefix else str(case.get('name'))


CMOCKA_LINE = re.compile(r'^\[ +(RUN|OK|FAILED|SKIPPED) +\] (\S+)$')


def count_cmocka(name: str, out: str) -> Tuple[int, int, int, List[str]]:
    """Count the tests in the output of a cmocka program; what began and did not end has failed."""
    passed = failed = skipped = 0
    notes: List[str] = []
    running = reason = ''
    for line in out.splitlines():
        match = CMOCKA_LINE.match(line)
        if match is None:
            reason = line.strip() or reason
            continue
        result, test = match.groups()
        if result == 'RUN':
            running, reason = test, ''
            continue
        if test != running:
            continue  # the list of failed ones at the end
        running = ''
        if result == 'OK':
            passed += 1
        elif result == 'SKIPPED':
            skipped += 1
            notes.append(f'skipped {name}:{test}: {one_line(reason) or "no reason given"}')
        else:
            failed += 1
            notes.append(f'failed {name}:{test}')
    if running:
        failed += 1
        notes.append(f'failed {name}:{running} (did not end)')
    return passed, failed, skipped, notes


def count(path: str) -> Tuple[int, int, int, List[str]]:
    """Count one file."""
    passed = failed = skipped = 0
    notes: List[str] = []
    root = ElementTree.parse(path).getroot()
    for suite in root.iter('testsuite'):
        for case in suite.findall('testcase'):
            skip = case.find('skipped')
            bad = case.find('failure') is not None or case.find('error') is not None
            inner = count_cmocka(str(case.get('name')).split(' / ')[-1],
                                 case.findtext('system-out') or '')
            # A program that failed without a test of it failing counts itself.
            if sum(inner[:3]) > 0 and (inner[1] > 0 or not bad):
                passed += inner[0]
                failed += inner[1]
                skipped += inner[2]
                notes += inner[3]
                continue
            if bad:
                failed += 1
                notes.append(f'failed {case_name(suite, case)}')
            elif skip is not None:
                skipped += 1
                notes.append(f'skipped {case_name(suite, case)}: {skip_reason(case, skip)}')
            else:
                passed += 1
    return passed, failed, skipped, notes


def main() -> int:
    """Count all files named."""
    total = [0, 0, 0]
    notes: List[str] = []
    for path in sys.argv[1:]:
        try:
            passed, failed, skipped, more = count(path)
        except (OSError, ElementTree.ParseError) as err:
            print(f'count_results: {path}: {err}', file=sys.stderr)
            return 1
        total = [total[0] + passed, total[1] + failed, total[2] + skipped]
        notes += more
    print(*total)
    for note in notes:
        print(note)
    return 0


if __name__ == '__main__':
    sys.exit(main())
