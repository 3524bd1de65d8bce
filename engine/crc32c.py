"""CRC-32C (Castagnoli), which guards the records of TensorBoard's files, over many bytes at a time.

A CRC is linear: that of a block is the exclusive or of what each of its bytes alone comes to, and what came before acts as if
it were added to the block's first four bytes (R. N. Williams, "A Painless Guide to CRC Error Detection Algorithms", 1993). With
a table of what each byte comes to at each distance from the block's end, numpy looks up a whole block at once; a loop in
Python over its bytes takes ten times as long and more.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78  # of RFC 3720, its bits reversed
_BLOCK = 512
_FEW = 48  # bytes of which each for itself is quicker


@cache
def _single() -> list[int]:
    """What each byte alone comes to."""
    found = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        found = np.where(found & 1, (found >> 1) ^ _POLYNOMIAL, found >> 1).astype(np.uint32)
    return found.tolist()


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """What byte b at place i of a full block adds to the CRC behind the block: at i * 256 + b; and these i * 256."""
    last = np.array(_single(), dtype=np.uint32)
    rows: list[np.ndarray] = [last]
    for _ in range(_BLOCK - 1):  # one byte, a zero, farther from the end
        rows.append(last[rows[-1] & 0xFF] ^ (rows[-1] >> 8))
    return np.concatenate(rows[::-1]), np.arange(_BLOCK) * 256


def crc32c(data: bytes) -> int:
    """The CRC-32C of the bytes, between 0 and 2**32 - 1."""
    state, whole = 0xFFFFFFFF, len(data) if len(data) > _FEW else 0
    if whole:
        table, places = _table()
        numbers = np.frombuffer(data, dtype=np.uint8).astype(np.intp)
        whole -= whole % _BLOCK if whole % _BLOCK < 4 else 0  # what the state is added to must be there
        for start in range(0, whole, _BLOCK):
            block = numbers[start : start + _BLOCK]
            block[:4] ^= (state & 0xFF, state >> 8 & 0xFF, state >> 16 & 0xFF, state >> 24)
            state = int(np.bitwise_xor.reduce(table[block + places[_BLOCK - len(block) :]]))
    single = _single()
    for byte in data[whole:]:
        state = single[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """The CRC-32C of the bytes as TensorFlow's record files store it (its documentation of TFRecord gives the formula)."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
