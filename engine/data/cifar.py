"""CIFAR-10 and CIFAR-100 as they are unpacked on disk, the Python kind and the binary kind, as a Table.

The Python kind is pickled. It is read by an unpickler that knows arrays, bytes, texts, numbers, lists and dictionaries, and refuses
to look up anything else: nothing in such a file can run code.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..config import DataConfig
from ..errors import DataError, data_error
from ..text import clean
from .arrays import refuse_unused, table_of_arrays
from .delimited import checked_path, display_name
from .memorybudget import refuse_too_large
from .parts import paired
from .table import Table

PIXELS = 3 * 32 * 32
_COPY = "unpack the archive again"
_TEN = [f"data_batch_{number}" for number in range(1, 6)]
_FOLDERS = ("cifar-10-batches-py", "cifar-100-python", "cifar-10-batches-bin", "cifar-100-binary")

# For each kind: the files that are trained on and tested, the file of class names, and whether it is pickled.
_KINDS: dict[str, tuple[list[str], list[str], str, bool]] = {
    "cifar10": (_TEN, ["test_batch"], "batches.meta", True),
    "cifar100": (["train"], ["test"], "meta", True),
    "cifar10-binary": ([f"{one}.bin" for one in _TEN], ["test_batch.bin"], "batches.meta.txt", False),
    "cifar100-binary": (["train.bin"], ["test.bin"], "fine_label_names.txt", False),
}


def cifar_folder(source: str) -> tuple[Path, str] | None:
    """The folder with CIFAR's files and which kind they are, if `source` is it or the one above it."""
    path = Path(source).expanduser()
    for folder in (path, *(path / name for name in _FOLDERS)):
        if folder.is_dir():
            for kind, (train, test, names, _) in _KINDS.items():
                if all((folder / name).is_file() for name in (train[0], test[0], names)):
                    return folder, kind
    return None


def load_cifar(config: DataConfig) -> Table:
    """CIFAR at `config.source`, in its own training and test parts; of CIFAR-100 the fine labels. Raises DataError."""
    name, found = display_name(config.source), cifar_folder(config.source)
    assert found is not None, "chosen by it"
    folder, kind = found
    refuse_unused(config, name)
    if config.target:
        raise data_error("data.target", "CIFAR's labels are what is predicted", "remove it", name)
    train, test, names, pickled = _KINDS[kind]
    there = [[folder / one for one in part if (folder / one).exists()] for part in (train, test)]
    size = sum(path.stat().st_size for part in there for path in part)
    refuse_too_large(size, name)
    read = _pickled if pickled else _binary
    made = [[read(path, kind) for path in part] for part in there]
    x = {number: np.concatenate([one for one, _ in part]) for number, part in zip((0, 2), made, strict=True)}
    y = {number: np.concatenate([one for _, one in part]) for number, part in zip((0, 2), made, strict=True)}
    pictures, labels, part = paired(x, y, ["the training part", "the test part"], name)
    table = table_of_arrays(config, name, pictures.reshape(-1, 3, 32, 32), labels, part, "data", "labels")
    listed = _names(folder / names, pickled)
    own = tuple(clean(listed[int(label)], 80) if int(label) < len(listed) else label for label in table.class_names)
    lacking = [one for one in train if not (folder / one).exists()]
    notes = [f"{', '.join(lacking)} not there: trained without"] if lacking else []
    return _renamed(table, own, notes)


def _renamed(table: Table, class_names: tuple[str, ...], notes: list[str]) -> Table:
    from dataclasses import replace

    return replace(table, class_names=class_names, notes=(*table.notes, *notes))


def _binary(path: Path, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Records of one label byte (two of CIFAR-100: coarse and fine) and the pixels, channels first."""
    where = display_name(str(path))
    labels = 1 if kind == "cifar10-binary" else 2
    content = np.frombuffer(_content(path, where), np.uint8)
    if not len(content) or len(content) % (labels + PIXELS):
        problem = f"{len(content)} bytes, which is no whole number of pictures of {labels + PIXELS}"
        raise data_error("data.source", problem, _COPY, where)
    records = content.reshape(-1, labels + PIXELS)
    return records[:, labels:], records[:, labels - 1].astype(np.int64)


def _content(path: Path, where: str) -> bytes:
    try:
        return checked_path(str(path)).read_bytes()
    except OSError as error:
        raise data_error("data.source", f"cannot be read: {error.strerror or clean(error)}", "", where) from None


def _pickled(path: Path, kind: str) -> tuple[np.ndarray, np.ndarray]:
    where = display_name(str(path))
    body = _unpickled(path)
    pixels, labels = body.get(b"data"), body.get(b"fine_labels" if kind == "cifar100" else b"labels")
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != PIXELS:
        raise data_error("data.source", f"its data are not pictures of {PIXELS} bytes", _COPY, where)
    if not isinstance(labels, list) or len(labels) != len(pixels) or not all(type(one) is int for one in labels):
        raise data_error("data.source", "its labels are not a number for each picture", _COPY, where)
    return pixels, np.array(labels, np.int64)


def _names(path: Path, pickled: bool) -> list[str]:
    """The names of the classes in order; none when the file does not say."""
    if not pickled:
        return _content(path, display_name(str(path))).decode("utf-8", "replace").split("\n")
    body = _unpickled(path)
    names = body.get(b"label_names", body.get(b"fine_label_names", []))
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in names]


class _Unpickler(pickle.Unpickler):
    """Reads arrays, bytes, texts, numbers, lists and dictionaries, and nothing that would have to be looked up elsewhere."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _encoded
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.zeros(0).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no picture needs")


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes, which Python 2 wrote as text in latin1."""
    if encoding != "latin1":
        raise pickle.UnpicklingError("an encoding that no picture needs")
    return text.encode("latin1")


def _unpickled(path: Path) -> dict[Any, Any]:
    where = display_name(str(path))
    try:
        with checked_path(str(path)).open("rb") as file:
            body = _load(file)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001  -- a damaged pickle may raise anything
        raise data_error("data.source", f"cannot be read: {clean(error, 100)}", _COPY, where) from None
    if not isinstance(body, dict):
        raise data_error("data.source", "this is no part of CIFAR", _COPY, where)
    return body


def _load(file: IO[bytes]) -> Any:
    return _Unpickler(file, encoding="bytes").load()
