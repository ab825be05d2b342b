# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""A light vhost-user front-end: many devices with many queues in one process.

It negotiates as little as it can, starts all rings, and passes a frame here and
there. Messages are sent without waiting for one another: handled() waits for
what has been sent. Memory is a memfd per device, rings are split, and nobody
is notified: Ringferry polls, and so do we.
"""

import mmap
import os
import resource
import socket
import struct
from typing import List, Optional

GET_FEATURES = 1
SET_FEATURES = 2
SET_OWNER = 3
SET_MEM_TABLE = 5
SET_VRING_NUM = 8
SET_VRING_ADDR = 9
SET_VRING_BASE = 10
GET_VRING_BASE = 11
SET_VRING_KICK = 12
SET_VRING_CALL = 13
SET_PROTOCOL_FEATURES = 16
GET_QUEUE_NUM = 17
SET_VRING_ENABLE = 18

VERSION = 1
REPLY = 4

F_MQ = 1 << 22
F_PROTOCOL_FEATURES = 1 << 30
F_VERSION_1 = 1 << 32
PROTOCOL_F_MQ = 1 << 0

NET_HEADER = 12
BUFFER = 2048
BUFFERS = 4  # per ring
RING = 8  # descriptors
DESC_WRITE = 2

# Where the parts of a ring are in its piece of memory.
AVAIL = 16 * RING
USED = AVAIL + 64
DATA = 512
RING_BYTES = DATA + BUFFERS * BUFFER

GPA = 0x10000
UVA = 0x7F0000000000

_HEADER = struct.Struct("=III")


def allow_files(count: int) -> None:
    """Raise the limit of open files, as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


class Ring:
    """A split ring, and its buffers. Its descriptor n is buffer n."""

    def __init__(self, memory: mmap.mmap, offset: int, receive: bool):
        self.offset = offset
        self.receive = receive
        self._memory = memory
        # 16 bits at a time: an index must never be seen half written.
        self._words = memoryview(memory)[offset:offset + DATA].cast("H")
        self._avail = 0
        self._used = 0
        self.reset()

    def reset(self) -> None:
        """A new driver: the ring is empty, and a receive ring gets its buffers."""
        self._words[:] = memoryview(bytes(DATA)).cast("H")
        self._avail = self._used = 0
        for number in range(BUFFERS):
            if self.receive:
                self._give(number, BUFFER, DESC_WRITE)

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()

    def _data(self, number: int) -> int:
        return self.offset + DATA + number * BUFFER

    def _give(self, number: int, length: int, flags: int) -> None:
        struct.pack_into("=QIHH", self._memory, self.offset + 16 * number,
                         GPA + self._data(number), length, flags, 0)
        self._words[AVAIL // 2 + 2 + self._avail % RING] = number
        self._avail = (self._avail + 1) & 0xFFFF
        self._words[AVAIL // 2 + 1] = self._avail

    def in_use(self) -> int:
        """How many buffers the device has."""
        return (self._avail - self._words[USED // 2 + 1]) & 0xFFFF

    def send(self, frame: bytes) -> None:
        """Transmit. At most BUFFERS frames at a time."""
        if self.in_use() >= BUFFERS:
            raise AssertionError("the ring is full")
        number = self._avail % BUFFERS
        begin = self._data(number)
        self._memory[begin:begin + NET_HEADER + len(frame)] = bytes(NET_HEADER) + frame
        self._give(number, NET_HEADER + len(frame), 0)

    def receive_frame(self) -> Optional[bytes]:
        """A frame that has come in, if one has."""
        if self._words[USED // 2 + 1] == self._used:
            return None
        number, length = struct.unpack_from(
            "=II", self._memory, self.offset + USED + 4 + 8 * (self._used % RING))
        begin = self._data(number)
        frame = self._memory[begin + NET_HEADER:begin + length]
        self._used = (self._used + 1) & 0xFFFF
        self._give(number, BUFFER, DESC_WRITE)
        return frame


class LightDevice:
    """A device on a socket that Ringferry serves. rings[2n] receives, rings[2n + 1] transmits."""

    def __init__(self, path: str, pairs: int):
        self.path = path
        self.size = 2 * pairs * RING_BYTES
        self._memfd = os.memfd_create("light")
        os.ftruncate(self._memfd, self.size)
        self._memory = mmap.mmap(self._memfd, self.size)
        self.rings = [Ring(self._memory, number * RING_BYTES, number % 2 == 0)
                      for number in range(2 * pairs)]
        self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._socket: Optional[socket.socket] = None

    def close(self) -> None:
        """Give everything back. Idempotent."""
        self.disconnect()
        if self._memfd < 0:
            return
        for ring in self.rings:
            ring.close()
        self._memory.close()
        os.close(self._memfd)
        os.close(self._event)
        self._memfd = -1

    # --- messages ---------------------------------------------------------------

    def _send(self, request: int, payload: bytes = b"", fds: Optional[List[int]] = None) -> None:
        data = _HEADER.pack(request, VERSION, len(payload)) + payload
        if socket.send_fds(self._socket, [data], fds or []) != len(data):
            raise AssertionError(f"{self.path}: message {request} was cut")

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise AssertionError(f"{self.path}: the back-end has hung up")
            data += more
        return data

    def _query(self, request: int, payload: bytes = b"") -> bytes:
        self._send(request, payload)
        answer, flags, size = _HEADER.unpack(self._receive(_HEADER.size))
        if answer != request or not flags & REPLY:
            raise AssertionError(f"{self.path}: {answer} is no answer to {request}")
        return self._receive(size)

    def connect(self, seconds: float = 60.0) -> None:
        """Connect, and no more."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(seconds)
        self._socket.connect(self.path)

    def start(self) -> None:
        """Tell all about a new driver: features, memory, rings. See handled()."""
        for ring in self.rings:
            ring.reset()
        self._send(SET_OWNER)
        self._send(SET_PROTOCOL_FEATURES, struct.pack("=Q", PROTOCOL_F_MQ))
        self._send(SET_FEATURES, struct.pack("=Q", F_VERSION_1 | F_PROTOCOL_FEATURES | F_MQ))
        self._send(SET_MEM_TABLE, struct.pack("=IIQQQQ", 1, 0, GPA, self.size, UVA, 0),
                   [self._memfd])
        for number in range(len(self.rings)):
            self._start_ring(number)

    def _start_ring(self, number: int) -> None:
        begin = UVA + self.rings[number].offset
        self._send(SET_VRING_NUM, struct.pack("=II", number, RING))
        self._send(SET_VRING_BASE, struct.pack("=II", number, 0))
        self._send(SET_VRING_ADDR, struct.pack("=IIQQQQ", number, 0, begin, begin + USED,
                                               begin + AVAIL, 0))
        self._send(SET_VRING_CALL, struct.pack("=Q", number), [self._event])
        self._send(SET_VRING_KICK, struct.pack("=Q", number), [self._event])
        self._send(SET_VRING_ENABLE, struct.pack("=II", number, 1))

    def handled(self) -> None:
        """Wait until all that was sent is handled."""
        self._query(GET_QUEUE_NUM)

    def stop_ring(self, number: int) -> int:
        """Stop a ring; its base."""
        return struct.unpack("=II", self._query(
            GET_VRING_BASE, struct.pack("=II", number, 0)))[1]

    def disconnect(self) -> None:
        """Hang up, unannounced. Idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
