# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""pcap files, read and written as plain bytes, and the frames that go into them."""

import os
import random
import struct
from typing import List, Sequence

MAGIC_MICROSECONDS = 0xA1B2C3D4
MAGIC_NANOSECONDS = 0xA1B23C4D
SNAPLEN = 65535
LINKTYPE_ETHERNET = 1

_FILE = struct.Struct("=IHHiIII")
_PACKET = struct.Struct("=IIII")

# A locally administered address pair; an Ethertype for experiments.
_HEADER = bytes.fromhex("02000000000202000000000188b5")


def write_pcap(path: str, frames: Sequence[bytes]) -> str:
    """Write frames; returns the path."""
    with open(path, "wb") as file:
        file.write(_FILE.pack(MAGIC_MICROSECONDS, 2, 4, 0, 0, SNAPLEN, LINKTYPE_ETHERNET))
        for frame in frames:
            file.write(_PACKET.pack(0, 0, len(frame), len(frame)) + frame)
    return path


def read_pcap(path: str) -> List[bytes]:
    """The frames in a file of this machine's byte order; a last one that is cut is left out."""
    with open(path, "rb") as file:
        data = file.read()
    if not data:
        return []
    magic = struct.unpack_from("=I", data)[0]
    if magic not in (MAGIC_MICROSECONDS, MAGIC_NANOSECONDS):
        raise ValueError(f"{path} is no pcap file: magic {magic:#x}")
    frames = []
    offset = _FILE.size
    while offset + _PACKET.size <= len(data):
        _, _, captured, length = _PACKET.unpack_from(data, offset)
        offset += _PACKET.size
        if offset + captured > len(data):
            break
        if captured != length:
            raise ValueError(f"{path}: a frame of {length} bytes was cut to {captured}")
        frames.append(data[offset:offset + captured])
        offset += captured
    return frames


def file_bytes(frames: Sequence[bytes]) -> int:
    """How long a file with these frames is at least: its head may not be written before one is."""
    if not frames:
        return 0
    return _FILE.size + sum(_PACKET.size + len(frame) for frame in frames)


def file_size(path: str) -> int:
    """How long a file is, 0 if it is not there yet."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def make_frames(sizes: Sequence[int], seed: int = 0) -> List[bytes]:
    """A frame of each size: header, number, and bytes at random from the seed."""
    source = random.Random(seed)
    frames = []
    for number, size in enumerate(sizes):
        head = _HEADER + struct.pack(">II", seed, number)
        frames.append(head + source.randbytes(size - len(head)))
    return frames


def compare_frames(got: Sequence[bytes], expected: Sequence[bytes], what: str) -> None:
    """Raise, naming the first difference, unless both are the same frames in the same order."""
    for number, (one, other) in enumerate(zip(got, expected)):
        if one == other:
            continue
        where = next((i for i, pair in enumerate(zip(one, other)) if pair[0] != pair[1]),
                     min(len(one), len(other)))
        raise AssertionError(
            f"{what}: frame {number} of {len(expected)} differs from byte {where} on: has "
            f"{len(one)} bytes {one[:24].hex()}..., expected {len(other)} bytes "
            f"{other[:24].hex()}...")
    if len(got) != len(expected):
        raise AssertionError(f"{what}: {len(got)} frames, expected {len(expected)}")
