# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""ringferryd as a program: options, refusals, start, stop, and what the service manager hears."""

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time
from typing import Iterator, List, Tuple

import pytest

from rf import Config, Daemon, Lab, Process, wait_until
from rf.proc import die_with_parent

STOP_SECONDS = 5.0
# A program that a signal finds before it handles it ends by it.
ENDED_BY_TERM = (0, -signal.SIGTERM)


def run(lab: Lab, *args: str, seconds: float = 60.0) -> "subprocess.CompletedProcess[str]":
    """Run ringferryd to its end."""
    program = os.path.join(lab.build, "app", "ringferryd")
    return subprocess.run([program, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=seconds, check=False, preexec_fn=die_with_parent)


def write(lab: Lab, text: str) -> str:
    """A configuration file."""
    path = lab.path("test.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def run_config(lab: Lab, config: Config, *args: str) -> Tuple[int, str]:
    """Run a daemon that is to refuse to start; its status and what it said."""
    config = config.copy().set("global", hugepages="no")
    if "run-directory" not in config.sections["global"]:
        config.set("global", run_directory=lab.path("run"))
    result = run(lab, "-c", write(lab, config.text()), *args)
    return result.returncode, result.stderr


# --- options ------------------------------------------------------------------------


def test_version(lab: Lab) -> None:
    """-V names both versions; -h all options."""
    for option in ("-V", "--version"):
        result = run(lab, option)
        assert result.returncode == 0 and result.stderr == ""
        assert re.fullmatch(r"ringferryd \d+\.\d+\S* \(DPDK \d+\.\d+\S*\)\n", result.stdout)
    for option in ("-h", "--help"):
        result = run(lab, option)
        assert result.returncode == 0 and result.stderr == ""
        assert all(word in result.stdout for word in ("--config", "--check-config", "--version"))


@pytest.mark.parametrize("args", [["--nonsense"], ["-c"], ["stray"], ["--check-config", "stray"]])
def test_wrong_options(lab: Lab, args: List[str]) -> None:
    """Wrong usage is told, with status 2."""
    result = run(lab, *args)
    assert result.returncode == 2 and result.stdout == "" and args[-1].lstrip("-") in result.stderr


def test_check_config(lab: Lab) -> None:
    """A file in order is said to be so, and nothing is started for it."""
    config = Config(run_directory=lab.path("run")).vhost("vm1").vhost("vm2").wire(
        "w1", "vm1", "vm2")
    path = write(lab, config.text())
    result = run(lab, "-c", path, "--check-config")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{path}: 2 ports, 1 wires: in order\n"
    assert not os.path.exists(lab.path("run"))


WRONG = [
    ("[global]\nidle-policy = sometimes\n", 2, "expected poll or yield"),
    ("[global]\ndata-lcores = 4000\n", 2, "data-lcores"),
    ("[global]\nmempool-size = many\n", 2, "mempool-size = many: expected a number"),
    ("[prot vm1]\n", 1, "did you mean port?"),
    ("rubbish\n", 1, 'expected "key = value"'),
    ("[port vm1]\ntype = vhost\n", 1, "socket"),
    ("[port vm1]\ntype = vhost\nsocket = a\nqueue-pairs = 9\n", 4, "from 1 to 8"),
    ("[port vm1]\ntype = vhost\nsocket = a\ncolour = red\n", 4, "unknown key"),
    ("[port vm1]\ntype = vhost\nsocket = a\n\n[port vm2]\ntype = vhost\nsocket = a\n", 7,
     "port vm1 (line 1) has this socket"),
    ("[port vm1]\ntype = vhost\nsocket = a\n; a wire\n[wire w1]\nports = vm1, vm2\n", 6,
     "there is no port vm2"),
]


@pytest.mark.parametrize("check", [True, False], ids=["check", "start"])
def test_wrong_config(lab: Lab, check: bool) -> None:
    """Each wrong file is refused with file, line and what is wrong, before anything starts."""
    for text, line, words in WRONG:
        path = write(lab, text)
        result = run(lab, "-c", path, *(["--check-config"] if check else []))
        assert result.returncode == 1 and result.stdout == "", text
        assert result.stderr.startswith(f"ringferryd: {path}:{line}: "), result.stderr
        assert words in result.stderr and result.stderr.count("\n") == 1, result.stderr


def test_no_config(lab: Lab) -> None:
    """A file that is missing, or none."""
    for path, words in ((lab.path("none.conf"), "No such file"), (lab.folder, "regular file")):
        result = run(lab, "-c", path)
        assert result.returncode == 1
        assert result.stderr.startswith(f"ringferryd: {path}: ") and words in result.stderr


def test_wrong_eal_argument(lab: Lab) -> None:
    """What the EAL does not understand ends it."""
    code, text = run_config(lab, Config(), "--", "--no-such-option")
    assert code == 1 and "DPDK's EAL does not start" in text


# --- refusals to start ------------------------------------------------------------------


def test_socket_in_use(lab: Lab) -> None:
    """A vhost socket that somebody serves is left alone."""
    path = lab.path("vm1.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(path)
        other.listen(5)
        code, text = run_config(lab, Config().vhost("vm1", socket=path))
        assert code == 1 and f"vm1: {path}: another process serves it" in text
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(path)


def test_socket_of_another_daemon(lab: Lab) -> None:
    """Two daemons with a vhost socket in common: the second one says so, the first goes on."""
    path = lab.path("vm1.sock")
    daemon = lab.daemon(Config().vhost("vm1", socket=path))
    code, text = run_config(lab, Config().vhost("vm1", socket=path))
    assert code == 1 and f"{path}: another process serves it" in text
    assert daemon.rpc("port.show", name="vm1")["state"] == "down"
    assert stat.S_ISSOCK(os.stat(path).st_mode)


def test_not_a_socket(lab: Lab) -> None:
    """A file in the place of a vhost socket is left alone."""
    path = lab.path("vm1.sock")
    with open(path, "w", encoding="ascii") as file:
        file.write("precious")
    code, text = run_config(lab, Config().vhost("vm1", socket=path))
    assert code == 1 and f"{path} is there and is not a socket" in text
    with open(path, encoding="ascii") as file:
        assert file.read() == "precious"


def test_missing_folder(lab: Lab) -> None:
    """The folder of a vhost socket is not made."""
    path = lab.path("none/vm1.sock")
    code, text = run_config(lab, Config().vhost("vm1", socket=path))
    assert code == 1 and lab.path("none") in text and "No such file or directory" in text


def test_run_directory(lab: Lab) -> None:
    """A run directory that cannot be made, or is none."""
    with open(lab.path("file"), "w", encoding="ascii"):
        pass
    for path in (lab.path("none/run"), lab.path("file"), lab.path("file/run")):
        code, text = run_config(lab, Config(run_directory=path))
        assert code == 1 and f"run directory {path}: " in text, text


def test_read_only_run_directory(lab: Lab) -> None:
    """A run directory that cannot be written to."""
    path = lab.path("run")
    os.mkdir(path)
    config = write(lab, Config(run_directory=path, hugepages="no").text())
    script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
    process = lab.process("rfd", [
        "unshare", "--mount", "--propagation", "private", "--", "sh", "-c", script, "sh", path,
        os.path.join(lab.build, "app", "ringferryd"), "-c", config])
    assert process.wait(60) == 1
    assert f"run directory {path}: Read-only file system" in process.log_text()


@pytest.mark.parametrize("device, words", [
    ("0000:ff:1f.7", "cannot probe the device"),
    ("net_nonesuch0", "cannot probe the device"),
    ("net_pcap0,rx_pcap=/nonexistent/in.pcap", "cannot probe the device"),
])
def test_wrong_device(lab: Lab, device: str, words: str) -> None:
    """A device that is not there."""
    code, text = run_config(lab, Config().vhost("vm1").ethdev("up0", device))
    assert code == 1 and f"up0: {device}: {words}" in text
    assert not os.path.exists(lab.path("run/vm1.sock"))


def test_too_many_queues(lab: Lab) -> None:
    """More queues than the device has."""
    code, text = run_config(lab, Config().ethdev("up0", "net_pcap0,iface=lo", queues=4))
    assert code == 1 and "4 queues, the device has 1 receive and 1 transmit queues" in text


# --- life -----------------------------------------------------------------------------


def pass_some(lab: Lab, daemon: Daemon, count: int = 1000) -> None:
    """So many frames from vm1 to vm2."""
    sink = lab.front_end(daemon, "vm2", "--rx-count", str(count))
    daemon.wait_rings("vm2", 2)
    source = lab.front_end(daemon, "vm1", "--tx-count", str(count))
    assert source.account()["sent"] == count
    assert sink.account()["received"] == count


def test_stale_sockets(lab: Lab) -> None:
    """What a killed daemon has left behind is replaced, and works."""
    daemon = lab.daemon(Config().vhost("vm1").vhost("vm2").wire("w1", "vm1", "vm2"))
    pass_some(lab, daemon)
    daemon.kill()
    left = {name: os.stat(daemon.path(name)).st_ctime_ns for name in ("vm1.sock", "vm2.sock")}
    daemon.start()
    assert all(os.stat(daemon.path(name)).st_ctime_ns > made for name, made in left.items())
    pass_some(lab, daemon)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_stop(lab: Lab, number: signal.Signals, busy: bool) -> None:
    """Either signal ends it in good order and soon, and its sockets are gone."""
    daemon = lab.daemon(Config().vhost("vm1").vhost("vm2").ethdev("up0", "net_ring0")
                        .vhost("vm3").wire("w1", "vm1", "vm2").wire("w2", "vm3", "up0"))
    if busy:
        for port in ("vm2", "vm1", "vm3"):
            lab.front_end(daemon, port, "--tx-count", "1000000000")
            daemon.wait_rings(port, 2)
        wait_until(lambda: daemon.stats()["vm2"]["out"]["delivered"] > 1000, "frames arrive")
    begin = time.monotonic()
    daemon.end(number, 20)
    assert time.monotonic() - begin < STOP_SECONDS
    assert os.listdir(daemon.path("")) == []


def test_stop_at_any_moment(lab: Lab) -> None:
    """A signal while it starts: it ends in good order, or by the signal."""
    config = Config(run_directory=lab.path("run"), hugepages="no")
    for name in ("vm1", "vm2", "vm3"):
        config.vhost(name)
    config.ethdev("up0", "net_ring0").wire("w1", "vm1", "up0").wire("w2", "vm2", "vm3")
    path = write(lab, config.text())
    statuses = []
    for turn in range(6):
        process = Process("rfd", [os.path.join(lab.build, "app", "ringferryd"), "-c", path],
                          lab.path(f"rfd{turn}.log"))
        lab.on_exit(process.kill)
        # No condition to wait for: the moment is what is tried.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(0.07 * turn)
        process.signal(signal.SIGTERM)
        statuses.append(process.wait(20))
        assert statuses[-1] in ENDED_BY_TERM, process.log_tail()
    assert 0 in statuses


# --- the service manager ---------------------------------------------------------------


class Manager:
    """The service manager's end of sd_notify."""

    def __init__(self, lab: Lab, config: Config, **env: str):
        self.messages: List[str] = []
        path = lab.path("notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.settimeout(0.2)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        config = config.copy().set("global", run_directory=lab.path("run"))
        self.process = lab.process("rfd", [
            os.path.join(lab.build, "app", "ringferryd"), "-c", write(lab, config.text())],
            env={"NOTIFY_SOCKET": path, **env})

    def _listen(self) -> None:
        while not self._done.is_set():
            with contextlib.suppress(TimeoutError):
                self.messages.append(self._socket.recv(4096).decode())

    def lines(self) -> List[str]:
        """Everything that was told, line by line."""
        return [line for message in self.messages for line in message.splitlines()]

    def wait_line(self, start: str, seconds: float = 60.0) -> str:
        """The first line that starts so."""
        return wait_until(lambda: next((line for line in self.lines() if line.startswith(start)),
                                       None), f"{start} is told", seconds,
                          alive=self.process.check_running)

    def close(self) -> None:
        """Stop listening."""
        self._done.set()
        self._thread.join()
        self._socket.close()


@contextlib.contextmanager
def managed(lab: Lab, config: Config, **env: str) -> Iterator[Manager]:
    """A daemon that tells a service manager."""
    manager = Manager(lab, config, **env)
    try:
        yield manager
    finally:
        manager.close()


def test_notify(lab: Lab) -> None:
    """READY when all ports are there, STATUS with what is up, STOPPING at the end."""
    with managed(lab, Config().vhost("vm1").ethdev("up0", "net_ring0")) as manager:
        manager.wait_line("READY=1")
        assert stat.S_ISSOCK(os.stat(lab.path("run/vm1.sock")).st_mode)
        assert manager.wait_line("STATUS=") == "STATUS=1 of 2 ports up"
        assert not any(line.startswith("STOPPING") for line in manager.lines())
        assert manager.process.stop() == 0
        wait_until(lambda: "STOPPING=1" in manager.lines(), "STOPPING=1 is told")
        assert manager.lines().count("READY=1") == 1


def test_ready_without_ports(lab: Lab) -> None:
    """A daemon may begin with nothing; ports are added later."""
    daemon = lab.daemon(Config())
    daemon.rpc("port.add", name="vm1", type="vhost", socket="vm1.sock")
    assert [port["name"] for port in daemon.rpc("port.list")] == ["vm1"]


def test_no_ready_on_failure(lab: Lab) -> None:
    """A daemon that cannot start its ports never says that it is ready."""
    with managed(lab, Config().vhost("vm1", socket="none/vm1.sock")) as manager:
        assert manager.process.wait(60) == 1
        assert "READY=1" not in manager.lines()


def test_watchdog(lab: Lab) -> None:
    """Where the service manager wants to hear from it, it does, often enough."""
    with managed(lab, Config(), WATCHDOG_USEC="400000") as manager:
        manager.wait_line("READY=1")
        wait_until(lambda: manager.lines().count("WATCHDOG=1") >= 4, "the watchdog is fed")
        assert manager.process.stop() == 0


def test_without_hugepages(lab: Lab) -> None:
    """With `hugepages = no` it uses none, and passes frames."""
    config = Config(hugepages="no").vhost("vm1").vhost("vm2").wire("w1", "vm1", "vm2")
    daemon = lab.daemon(config)
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        assert re.search(r"^HugetlbPages:\s+0 kB$", file.read(), re.MULTILINE)
    pass_some(lab, daemon)


def test_few_packet_buffers(lab: Lab) -> None:
    """With next to no packet buffers left it is slow, and loses nothing."""
    daemon = lab.daemon(Config(mempool_size=1024).vhost("vm1").vhost("vm2").wire(
        "w1", "vm1", "vm2").tap("up0", "rf0"))
    # A tap's receive ring is full of them.
    assert 1000 < daemon.mbufs() < 1024
    pass_some(lab, daemon, 2000)
    assert any(ring["counters"]["no_mbuf"] > 0 for ring in daemon.rings("vm1"))


def test_side_by_side(lab: Lab) -> None:
    """Two daemons on one host do not know of each other."""
    config = Config().vhost("vm1").vhost("vm2").wire("w1", "vm1", "vm2")
    daemons = [lab.daemon(config, name=name) for name in ("one", "two")]
    for daemon in daemons:
        pass_some(lab, daemon)
    daemons[0].stop()
    pass_some(lab, daemons[1])
