"""The check sums of TensorBoard's files: against the standard's own example and against TensorBoard's own function."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from engine.crc32c import crc32c, masked


def test_the_examples_of_the_standard() -> None:
    # RFC 3720, B.4
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283


@given(
    st.binary(max_size=80), st.sampled_from([0, 1, 2, 3, 4, 48, 49, 507, 508, 509, 510, 511, 512, 513, 515, 1024, 1600])
)
def test_it_is_what_tensorboard_reckons(data: bytes, zeros: int) -> None:
    block = data + bytes(zeros) + data
    assert masked(block) == masked_crc32c(block)
