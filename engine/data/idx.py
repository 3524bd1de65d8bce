"""IDX files, as MNIST and its like come in (plain or gzipped), as a Table."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from ..config import DataConfig
from ..errors import DataError, data_error
from ..text import clean
from .arrays import may_stay_bytes, refuse_unused, table_of_arrays
from .delimited import checked_path, display_name
from .memorybudget import refuse_too_large
from .parts import NAMES, paired
from .table import Table

_NAME = re.compile(r"(.*?)(train|t10k|test|val|validation)[-_.](images|labels)[-_.]idx([13])[-_.]ubyte(\.gz)?", re.I)
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_COPY = "copy or load the file again"


def idx_folder(source: str) -> Path | None:
    """The folder in which IDX files lie, if `source` is it, one above it as torchvision makes it (raw), or one of the files."""
    path = Path(source).expanduser()
    if path.is_file():
        return path.parent if _NAME.fullmatch(path.name) else None
    for folder in (path, path / "raw", path / "MNIST" / "raw"):
        if folder.is_dir() and any(_NAME.fullmatch(entry.name) for entry in folder.iterdir()):
            return folder
    return None


def load_idx(config: DataConfig) -> Table:
    """The IDX files at `config.source`: pictures and labels of a training and, if there is one, of a test part.

    Raises DataError with the file that is lacking, damaged or too large.
    """
    name, folder = display_name(config.source), idx_folder(config.source)
    assert folder is not None, "chosen by it"
    refuse_unused(config, name)
    if config.target:
        raise data_error("data.target", "the labels of IDX files are what is predicted", "remove it", name)
    sets: dict[str, dict[tuple[int, str], Path]] = {}
    for entry in sorted(folder.iterdir()):
        if match := _NAME.fullmatch(entry.name):
            part = NAMES.get(match[2].lower(), 2)  # t10k: the ten thousand that MNIST is tested on
            sets.setdefault(match[1], {}).setdefault((part, match[3].lower()), entry)
    if len(sets) > 1:
        listed = ", ".join(clean(prefix, 30) or "(no prefix)" for prefix in sets)
        hint = "put the files of one of them into a folder of its own"
        raise data_error("data.source", f"there are several sets in this folder: {listed}", hint, name)
    files = next(iter(sets.values()))
    parts = sorted({part for part, _ in files})
    for part in parts:
        for what in ("images", "labels"):
            if (part, what) not in files:
                there = files[part, "labels" if what == "images" else "images"].name
                raise data_error("data.source", f"the {what} that go with {clean(there, 80)} are not there", "", name)
    if 0 not in parts:
        raise data_error("data.source", "there is no training part", "train-images-idx3-ubyte is needed", name)
    pictures, labels = ({number: read_idx(files[number, what]) for number in parts} for what in ("images", "labels"))
    x, y, part = paired(pictures, labels, [files[number, "images"].name for number in parts], name)
    return table_of_arrays(config, name, x, y, part, "images", "labels")


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file; its header says how much is to be read. Raises DataError."""
    where = display_name(str(path))
    checked_path(str(path))
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= 4:
                raise data_error("data.source", "this is no IDX file", _COPY, where)
            shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
            kind = np.dtype(_TYPES[head[2]])
            refuse_too_large(math.prod(shape) * (1 if may_stay_bytes(kind, shape) else 4), where)
            wanted = math.prod(shape) * kind.itemsize
            content = file.read(wanted + 1)
    except DataError:
        raise
    except (OSError, EOFError, zlib.error, struct.error, MemoryError) as error:
        raise data_error("data.source", f"damaged: {clean(error, 80)}", _COPY, where) from None
    if len(content) != wanted:
        size = "x".join(map(str, shape))
        side = f"cut short: {len(content)} bytes of {wanted}" if len(content) < wanted else "longer than it says"
        raise data_error("data.source", f"the file of {size} values is {side}", _COPY, where)
    array = np.frombuffer(content, kind).reshape(shape)
    return array.astype(kind.newbyteorder("="))
