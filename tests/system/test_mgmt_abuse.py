# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The management socket against clients that are wrong, slow, many, or gone."""

import contextlib
import json
import os
import signal
import socket
import stat
import threading
import time
from typing import Any, Iterator, List

import pytest

from rf import Config, Daemon, Lab, Process, wait_until
from rf.daemon import Rpc

LINE_MAX = 65536      # with the newline
MAX_CONNECTIONS = 16
REQUESTS_A_SECOND = 1000

VERSION = b'{"jsonrpc":"2.0","id":1,"method":"version"}\n'
RINGS = b'{"jsonrpc":"2.0","id":1,"method":"ring.list"}\n'


@pytest.fixture(name="daemon")
def daemon_fixture(lab: Lab) -> Daemon:
    """A daemon with two guests' ports on a wire."""
    return lab.daemon(Config(mempool_size=4096).vhost("vm1").vhost("vm2").wire("w1", "vm1", "vm2"))


def raw(daemon: Daemon, seconds: float = 30.0) -> socket.socket:
    """A bare connection."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    connection.connect(daemon.control)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Everything until the daemon closes."""
    text = b""
    while True:
        try:
            data = connection.recv(1 << 20)
        except ConnectionResetError:
            return text
        if not data:
            return text
        text += data


def answers(text: bytes) -> List[Any]:
    """Lines of JSON."""
    return [json.loads(line) for line in text.splitlines()]


def check_alive(daemon: Daemon) -> None:
    """Somebody else is answered promptly."""
    begin = time.monotonic()
    assert daemon.rpc("version")["pid"]
    assert time.monotonic() - begin < 5


MALFORMED = [
    (b"\n", None), (b"   \t\r\n", None), (b"nonsense\n", -32700), (b"{\n", -32700),
    (b"\x00\n", -32700), (b"\xff\xfe\n", -32700), (b"[]\n", -32600), (b"{}\n", -32600),
    (b"null\n", -32700), (b"[" * 4000 + b"\n", -32700), (b'{"a":' * 5000 + b"\n", -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"nope"}\n', -32601),
    (b'{"jsonrpc":"2.0","id":1,"method":"port.show"}\n', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"port.show","params":{"name":7}}\n', -32602),
    (b'{"jsonrpc":"2.0","method":"version"}\n', None),
]


def test_malformed(daemon: Daemon) -> None:
    """Each wrong line gets its error, and the connection goes on."""
    with daemon.connect() as rpc:
        for line, code in MALFORMED:
            rpc.send_raw(line)
            if code is not None:
                assert rpc.receive()["error"]["code"] == code, line[:60]
            assert rpc.call("version")["pid"]


def test_half_close(daemon: Daemon) -> None:
    """A client that sends, ends its side and reads gets all answers; no newline is needed."""
    with raw(daemon) as connection:
        connection.sendall(VERSION * 20 + VERSION.rstrip())
        connection.shutdown(socket.SHUT_WR)
        assert len(answers(read_all(connection))) == 21


def test_pieces(daemon: Daemon) -> None:
    """A request may come byte by byte, and several in one piece."""
    with daemon.connect() as rpc:
        for byte in VERSION:
            rpc.send_raw(bytes([byte]))
        assert rpc.receive()["result"]["pid"]
        rpc.send_raw(VERSION + VERSION + VERSION[:10])
        rpc.send_raw(VERSION[10:])
        for _ in range(3):
            assert rpc.receive()["result"]["pid"]


def padded(size: int) -> bytes:
    """A request of this size, its newline included."""
    return VERSION[:-1] + b" " * (size - len(VERSION)) + b"\n"


def test_oversized(daemon: Daemon) -> None:
    """The longest line is answered; one more byte is an error and the end."""
    with daemon.connect() as rpc:
        rpc.send_raw(padded(LINE_MAX))
        assert rpc.receive()["result"]["pid"]
    for size in (LINE_MAX + 1, 1 << 20, 1 << 24):
        with raw(daemon) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(padded(size))
            reply = answers(read_all(connection))
            assert len(reply) == 1 and reply[0]["error"]["code"] == -32600, reply
            assert "65535" in reply[0]["error"]["message"]
        check_alive(daemon)


def test_unfinished(daemon: Daemon) -> None:
    """A line that is not finished in time is an error and the end, drop by drop or not."""
    with raw(daemon) as mute, raw(daemon) as drip:
        mute.sendall(VERSION[:-1])
        begin = time.monotonic()
        drip.settimeout(0.2)
        text = b""
        while not text:
            # The deadline counts from the line's first byte.
            drip.sendall(b" ")
            with contextlib.suppress(TimeoutError):
                text = drip.recv(4096)
            assert time.monotonic() - begin < 20
        for reply in answers(text) + answers(read_all(mute)):
            assert reply["error"]["code"] == -32600 and "10 seconds" in reply["error"]["message"]
        assert 9 < time.monotonic() - begin < 20
    check_alive(daemon)


def test_many_connections(daemon: Daemon) -> None:
    """Of 100 clients 16 are served, the others are told; when they go, others come in."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(raw(daemon)) for _ in range(100)]
        for client in clients[:MAX_CONNECTIONS]:
            client.sendall(VERSION)
            assert json.loads(client.recv(4096))["result"]
        for client in clients[MAX_CONNECTIONS:]:
            reply = answers(read_all(client))
            assert len(reply) == 1 and reply[0]["error"]["code"] == -32000
            assert "too many" in reply[0]["error"]["message"]
        daemon.check_running()
    wait_until(lambda: is_served(daemon), "a new client is served", 10)
    descriptors = len(os.listdir(f"/proc/{daemon.rpc('version')['pid']}/fd"))
    for _ in range(200):
        daemon.rpc("version")
    assert abs(len(os.listdir(f"/proc/{daemon.rpc('version')['pid']}/fd")) - descriptors) < 5


def is_served(daemon: Daemon) -> bool:
    """Does a new client get an answer?"""
    with raw(daemon) as client:
        with contextlib.suppress(BrokenPipeError):
            client.sendall(VERSION)
        return "result" in json.loads(client.recv(4096) or b"{}")


def test_flood(daemon: Daemon) -> None:
    """Requests beyond the rate wait; all are answered, and others do not notice."""
    count = 3500
    with raw(daemon) as connection:
        sender = threading.Thread(target=connection.sendall, args=(VERSION * count,))
        begin = time.monotonic()
        sender.start()
        text = b""
        while text.count(b"\n") < count:
            text += connection.recv(1 << 20)
            if text.count(b"\n") < count // 2:
                check_alive(daemon)
        sender.join()
        assert time.monotonic() - begin > count // REQUESTS_A_SECOND - 0.5
    assert all(reply["result"]["pid"] for reply in answers(text))


def test_flood_of_batches(daemon: Daemon) -> None:
    """A batch counts as what it holds."""
    batch = b"[" + b",".join([VERSION.rstrip()] * 32) + b"]\n"
    with daemon.connect() as rpc:
        begin = time.monotonic()
        for _ in range(100):
            rpc.send_raw(batch)
            assert len(rpc.receive()) == 32
        assert time.monotonic() - begin > 2


def memory_kib(pid: int) -> int:
    """Resident memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def sanitized(pid: int) -> bool:
    """Does the process run with the address sanitizer?"""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return "libasan" in file.read()


def test_no_reader(daemon: Daemon) -> None:
    """Who does not read its answers is closed in time; little memory goes into it."""
    pid = daemon.rpc("version")["pid"]
    with daemon.connect() as rpc:
        for number in range(40):
            rpc.call("port.add", name=f"p{number}", type="vhost", socket=f"p{number}.sock",
                     **{"queue-pairs": 8})
    before = memory_kib(pid)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(raw(daemon)) for _ in range(8)]
        for client in clients:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    client.send(RINGS * 100)
        check_alive(daemon)
        # A connection that is closed takes no more: the writer is told.
        wait_until(lambda: all(is_closed(client) for client in clients), "all are closed", 40)
        # A sanitizer keeps what is freed.
        if not sanitized(pid):
            assert memory_kib(pid) - before < 64 * 1024
    check_alive(daemon)


def is_closed(client: socket.socket) -> bool:
    """Would a write fail?"""
    try:
        client.send(b" ")
    except BlockingIOError:
        return False
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_vanish_during_add(daemon: Daemon) -> None:
    """What a client has asked for in full is done, also when it does not wait for the answer."""
    for number in range(20):
        with raw(daemon) as client:
            request = {"jsonrpc": "2.0", "id": 1, "method": "port.add", "params": {
                "name": f"p{number}", "type": "vhost", "socket": f"p{number}.sock"}}
            client.sendall(json.dumps(request).encode() + b"\n")
    names = {f"p{number}" for number in range(20)}
    wait_until(lambda: names <= {port["name"] for port in daemon.rpc("port.list")}, "all are there")
    # And away again, all of them on one line that is cut off by the end of the client.
    for number in range(20):
        with raw(daemon) as client:
            request = {"jsonrpc": "2.0", "id": 1, "method": "port.remove",
                       "params": {"name": f"p{number}"}}
            client.sendall(VERSION + json.dumps(request).encode() + b"\n" + VERSION[:20])
    wait_until(lambda: len(daemon.rpc("port.list")) == 2, "all are gone")


def main_thread_seconds(pid: int) -> float:
    """Time that the management lcore has run."""
    with open(f"/proc/{pid}/task/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def vanish_beyond_rate(daemon: Daemon, pid: int) -> float:
    """Hang up while requests wait for the next second; what the daemon's time is then."""
    with raw(daemon) as client:
        sender = threading.Thread(target=client.sendall, args=(VERSION * 1500,))
        sender.start()
        text = b""
        while text.count(b"\n") < REQUESTS_A_SECOND:
            text += client.recv(1 << 20)
        sender.join()
    before = main_thread_seconds(pid)
    time.sleep(0.3)  # the interval that is measured
    return main_thread_seconds(pid) - before


def test_vanish_beyond_rate(daemon: Daemon) -> None:
    """A client that hangs up while its requests wait costs no time."""
    pid = daemon.rpc("version")["pid"]
    assert max(vanish_beyond_rate(daemon, pid) for _ in range(4)) < 0.06


def test_vanish_while_reading(daemon: Daemon) -> None:
    """Clients that hang up with answers under way leave nothing behind."""
    pid = daemon.rpc("version")["pid"]
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    for number in range(100):
        with raw(daemon) as client:
            with contextlib.suppress(BrokenPipeError):
                client.sendall(RINGS * (number % 7 + 1) + RINGS[:number % 30])
            if number % 3 == 0:
                client.recv(1 + number)
    wait_until(lambda: is_served(daemon), "a new client is served", 10)
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= descriptors + 2, "no descriptor leaks")


def test_stop_with_clients(daemon: Daemon) -> None:
    """The daemon ends in good order with clients connected and requests under way."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(raw(daemon)) for _ in range(8)]
        for number, client in enumerate(clients):
            client.sendall(RINGS[:20] if number % 2 else RINGS * 50)
        for number, client in enumerate(clients[:4]):
            request = {"jsonrpc": "2.0", "id": 1, "method": "port.add", "params": {
                "name": f"late{number}", "type": "ethdev", "device": f"net_null{number}"}}
            client.sendall(b"\n" + json.dumps(request).encode() + b"\n")
        daemon.stop()
        for client in clients:
            read_all(client)
    assert not os.path.exists(daemon.control)


# ---- the socket itself ----------------------------------------------------------


def test_socket_mode(daemon: Daemon) -> None:
    """Mode 0660, and the log says who has come."""
    assert stat.S_IMODE(os.stat(daemon.control).st_mode) == 0o660
    daemon.rpc("version")
    assert f"pid {os.getpid()}, uid 0, gid 0" in daemon.log_text()


def test_stale_socket(daemon: Daemon) -> None:
    """The socket that a killed daemon has left is replaced."""
    daemon.kill()
    assert os.path.exists(daemon.control)
    daemon.start()
    check_alive(daemon)


def test_second_daemon(lab: Lab, daemon: Daemon) -> None:
    """A second daemon on the same run directory refuses to start, and the first goes on."""
    second = Process("second", [daemon.program, "-c", lab.path("rfd.conf")], lab.path("second.log"))
    assert second.wait(30) != 0
    assert "another ringferryd" in second.log_text()
    check_alive(daemon)


def test_path_taken(lab: Lab) -> None:
    """What is not a socket is not removed."""
    daemon = lab.daemon(Config(mempool_size=4096).vhost("vm1"), start=False)
    with open(daemon.control, "w", encoding="ascii") as file:
        file.write("precious")
    process = Process("rfd", daemon.command(), lab.path("rfd.log"))
    assert process.wait(30) != 0
    assert "not a socket" in process.log_text()
    with open(daemon.control, encoding="ascii") as file:
        assert file.read() == "precious"


# ---- and the data plane ------------------------------------------------------------


@contextlib.contextmanager
def nuisance(daemon: Daemon) -> Iterator[List[int]]:
    """Clients that behave badly in every way until the block ends; how often they did."""
    done = threading.Event()
    rounds = [0, 0, 0]

    def flood(number: int) -> None:
        lines = [RINGS * 200, b"nonsense\n" * 500, b"x" * 70000]
        while not done.is_set():
            with contextlib.suppress(OSError), raw(daemon, 1.0) as client:
                client.sendall(lines[number])
                client.recv(1 << 16)
                rounds[number] += 1

    threads = [threading.Thread(target=flood, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield rounds
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_traffic_unaffected(lab: Lab, daemon: Daemon) -> None:
    """Under all this not one packet between two guests is lost, late or damaged."""
    tool = os.path.join(lab.build, "tests", "frontend", "fe-tool")
    count = 20000

    def guest(port: str, *options: str) -> Process:
        return lab.process(f"fe-{port}", [tool, "--socket", daemon.path(f"{port}.sock"),
                                          "--seconds", "120", *options], inside=False)

    with nuisance(daemon) as rounds:
        receiver = guest("vm2", "--rx-count", str(count))
        wait_until(lambda: "2 runnable" in daemon.ctl_run("device", "show", "vm2").stdout,
                   "the receiver is ready", alive=receiver.check_running)
        sender = guest("vm1", "--tx-count", str(count), "--size", "60-1514")
        assert receiver.wait(130) == 0, receiver.log_tail()
        assert sender.wait(10) == 0, sender.log_tail()
        wait_until(lambda: all(rounds), "each nuisance had its turn")
    check_alive(daemon)
    assert daemon.rpc("status.show")["timeouts"] == 0


def test_management_stopped(daemon: Daemon) -> None:
    """A daemon that is stopped in its tracks is given up on by ringferryctl, then goes on."""
    pid = daemon.rpc("version")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert daemon.ctl_run("version", seconds=30).returncode == 3
    finally:
        os.kill(pid, signal.SIGCONT)
    with Rpc(daemon.control) as rpc:
        assert rpc.call("version")["pid"] == pid
