# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The scripts that run the tests say the truth about failures."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, List, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = '/usr/bin/python3'


def bash(script: str, *args: str) -> 'subprocess.CompletedProcess[str]':
    """Run a script that has steps.sh."""
    return subprocess.run(['bash', '-c', f'. {ROOT}/tests/steps.sh\n{script}', 'test', *args],
                          capture_output=True, text=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait for a condition, with a deadline."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_gone(pid: int) -> bool:
    """No process, or one that has ended and waits for its parent."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text(encoding='ascii')
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rsplit(')', 1)[1].split()[0] == 'Z'


def test_step_passes(tmp_path: Path) -> None:
    """Output goes to the log, the status is kept."""
    run = bash('steps_run "a step" "$1/logs/a.log" 30 sh -c "echo hidden; cat"', str(tmp_path))
    assert run.returncode == 0
    assert run.stdout.splitlines()[0] == '==> a step'
    assert 'ok, ' in run.stdout
    assert 'hidden' not in run.stdout
    assert (tmp_path / 'logs/a.log').read_text() == 'hidden\n'


def test_step_fails(tmp_path: Path) -> None:
    """The status is handed on and the end of the log is shown, not its beginning."""
    run = bash('steps_run "a step" "$1/a.log" 30 sh -c "seq 1000; echo why >&2; exit 7"',
               str(tmp_path))
    assert run.returncode == 7
    assert 'FAILED with status 7' in run.stdout
    assert '    | why\n' in run.stdout
    assert '    | 1000\n' in run.stdout
    assert '    | 900\n' not in run.stdout


def test_step_is_late(tmp_path: Path) -> None:
    """A step past its deadline ends, and so does what it started."""
    run = bash('steps_run "a step" "$1/a.log" 1 sh -c "sleep 300 & echo \\$!; wait"',
               str(tmp_path))
    assert run.returncode == 124
    assert 'not done after 1 s' in run.stdout
    child = int((tmp_path / 'a.log').read_text().split()[0])
    assert wait_until(lambda: is_gone(child))


def test_step_leaves_nothing(tmp_path: Path) -> None:
    """What a step leaves running in its group ends with it."""
    run = bash('steps_run "a step" "$1/a.log" 30 sh -c "sleep 300 & echo \\$!"', str(tmp_path))
    assert run.returncode == 0
    child = int((tmp_path / 'a.log').read_text().split()[0])
    assert wait_until(lambda: is_gone(child))


def test_step_shows_progress(tmp_path: Path) -> None:
    """Without a terminal a line comes every interval, with the last line of the log."""
    run = bash('steps_interval=1; steps_run "a step" "$1/a.log" 30 sh -c "echo at work; sleep 3"',
               str(tmp_path))
    assert '... 1 s: at work' in run.stdout


def test_step_interrupted(tmp_path: Path) -> None:
    """A signal ends the step and what it started."""
    log = tmp_path / 'a.log'
    script = (f'. {ROOT}/tests/steps.sh\ntrap "steps_stop; exit 143" TERM\n'
              'steps_run "a step" "$1" 100 sh -c "sleep 300 & echo \\$!; wait"')
    with subprocess.Popen(['bash', '-c', script, 'test', str(log)], stdout=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL) as run:
        assert wait_until(lambda: log.exists() and log.read_text().endswith('\n'))
        child = int(log.read_text().split()[0])
        os.kill(run.pid, signal.SIGTERM)
        assert run.wait(timeout=20) == 143
    assert wait_until(lambda: is_gone(child))


JUNIT: Tuple[Tuple[str, List[str]], ...] = (
    ('<testsuites><testsuite name="s"><testcase name="a"/><testcase name="b"><failure/></testcase>'
     '<testcase name="c"><error/></testcase></testsuite></testsuites>',
     ['1 2 0', 'failed s:b', 'failed s:c']),
    ('<testsuites><testsuite name="s"><testcase classname="m" name="a"><skipped message="no KVM"/>'
     '</testcase></testsuite></testsuites>',
     ['0 0 1', 'skipped m:a: no KVM']),
    ('<testsuites><testsuite name="s"><testcase name="a"><skipped/><system-out>one\n'
     'no hugepages\n</system-out></testcase></testsuite></testsuites>',
     ['0 0 1', 'skipped s:a: no hugepages']),
    ('<testsuites><testsuite name="s"/></testsuites>', ['0 0 0']),
    ('<testsuites><testsuite name="s"><testcase name="r:unit / p"><failure/><system-out>'
     '[==========] Running 5 test(s).\n[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n'
     '[  FAILED  ] b\n[ RUN      ] c\nno tun device\n[  SKIPPED ] c\n[ RUN      ] d\n'
     '[  FAILED  ] b\n</system-out></testcase></testsuite></testsuites>',
     ['1 2 1', 'failed p:b', 'skipped p:c: no tun device', 'failed p:d (did not end)']),
    ('<testsuites><testsuite name="s"><testcase name="r:unit / p"><failure/><system-out>'
     '[ RUN      ] a\n[       OK ] a\n</system-out></testcase></testsuite></testsuites>',
     ['0 1 0', 'failed s:r:unit / p']),
)


@pytest.mark.parametrize('text,expected', JUNIT, ids=['failed', 'pytest_skip', 'meson_skip',
                                                      'empty', 'cmocka', 'cmocka_crash'])
def test_count(text: str, expected: List[str], tmp_path: Path) -> None:
    """Each result is counted once, with its reason."""
    (tmp_path / 'j.xml').write_text(text, encoding='utf-8')
    run = subprocess.run([PYTHON, ROOT / 'tests/count_results.py', tmp_path / 'j.xml'],
                         capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.splitlines() == expected


def test_count_refuses_a_broken_file(tmp_path: Path) -> None:
    """A file that was cut short does not count as no tests."""
    (tmp_path / 'j.xml').write_text('<testsuites>', encoding='utf-8')
    run = subprocess.run([PYTHON, ROOT / 'tests/count_results.py', tmp_path / 'j.xml'],
                         capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1


@pytest.mark.parametrize('command,expected', (
    (['run-tests', '--only', 'nothing'], "no step 'nothing'"),
    (['run-tests', '--fast'], "unknown option '--fast'"),
    (['tests/setup-host', '--frobnicate'], "unknown action '--frobnicate'"),
    (['tests/setup-host', '--build'], '--build needs a folder'),
))
def test_wrong_usage(command: List[str], expected: str) -> None:
    """What is not understood is refused, with the reason."""
    run = subprocess.run([str(ROOT / command[0]), *command[1:]], capture_output=True, text=True,
                         check=False, timeout=60, stdin=subprocess.DEVNULL)
    assert run.returncode != 0
    assert expected in run.stderr
