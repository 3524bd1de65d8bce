"""Data files with one thing wrong with them, by name and seed."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Rng = np.random.Generator
Make = Callable[[Path, Rng], Path]

ROWS = 40


# ---- sound data of every kind ----


def table(rows: int = ROWS) -> list[list[str]]:
    """A header and rows: a number, a category, a date, and a class."""
    body = [[f"{row * 0.37:.2f}", "xyz"[row % 3], f"2024-05-{1 + row % 28:02}", "pq"[row % 2]] for row in range(rows)]
    return [["size", "kind", "day", "y"], *body]


def text_of(rows: list[list[str]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(row) + "\n" for row in rows)


def sound_csv(folder: Path) -> Path:
    path = folder / "data.csv"
    path.write_text(text_of(table()))
    return path


def sound_jsonl(folder: Path) -> Path:
    path = folder / "data.jsonl"
    path.write_text("".join(f'{{"a": {row}, "k": "{"xy"[row % 2]}", "y": {row % 2}}}\n' for row in range(ROWS)))
    return path


def arrays() -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(0).normal(size=(ROWS, 3)), np.arange(ROWS) % 2


def sound_npz(folder: Path) -> Path:
    x, y = arrays()
    np.savez_compressed(folder / "data.npz", x=x, y=y)
    return folder / "data.npz"


def sound_npy(folder: Path) -> Path:
    x, y = arrays()
    np.save(folder / "data.npy", np.column_stack([x, y]))
    return folder / "data.npy"


def sound_pictures(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(12):
        own = folder / "shots" / "ab"[number % 2]
        own.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(own / f"{number:02}.{'png' if number % 3 else 'jpg'}")
    return folder / "shots"


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def sound_idx(folder: Path) -> Path:
    (folder / "idx").mkdir()
    rng = np.random.default_rng(0)
    for part, rows in (("train", 30), ("t10k", 10)):
        (folder / "idx" / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(rng.integers(0, 256, (rows, 5, 5))))
        packed = gzip.compress(idx_bytes(np.arange(rows) % 2), mtime=0)
        (folder / "idx" / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed)
    return folder / "idx"


def sound_cifar(folder: Path) -> Path:
    (folder / "cifar").mkdir()
    rng = np.random.default_rng(0)
    for name, rows in (("train", 30), ("test", 10)):
        body = {
            b"data": rng.integers(0, 256, (rows, 3072), dtype=np.uint8),
            b"fine_labels": [row % 2 for row in range(rows)],
        }
        (folder / "cifar" / name).write_bytes(pickle.dumps(body))
    (folder / "cifar" / "meta").write_bytes(pickle.dumps({b"fine_label_names": [b"p", b"q"]}))
    return folder / "cifar"


SOUND: dict[str, Callable[[Path], Path]] = {
    "csv": sound_csv,
    "jsonl": sound_jsonl,
    "npz": sound_npz,
    "npy": sound_npy,
    "pictures": sound_pictures,
    "idx": sound_idx,
    "cifar": sound_cifar,
}


# ---- one thing wrong, which must be found ----


def _csv(change: Callable[[list[list[str]], Rng], object]) -> Make:
    """A CSV whose rows were changed in place, or replaced by what comes back (rows or the whole text)."""

    def make(folder: Path, rng: Rng) -> Path:
        rows = table()
        changed = change(rows, rng)
        path = folder / "data.csv"
        content = (
            changed if isinstance(changed, bytes) else text_of(changed if isinstance(changed, list) else rows).encode()
        )
        path.write_bytes(content)
        return path

    return make


def _some(rng: Rng, count: int = ROWS) -> int:
    return int(rng.integers(1, count + 1))


def _set(column: int, cell: str) -> Callable[[list[list[str]], Rng], object]:
    def change(rows: list[list[str]], rng: Rng) -> None:
        rows[_some(rng)][column] = cell

    return change


def _column(column: int, cell_of: Callable[[int], str]) -> Callable[[list[list[str]], Rng], object]:
    def change(rows: list[list[str]], rng: Rng) -> None:
        for number, row in enumerate(rows[1:]):
            row[column] = cell_of(number)

    return change


def _bytes(change: Callable[[bytes, Rng], bytes]) -> Callable[[list[list[str]], Rng], bytes]:
    return lambda rows, rng: change(text_of(rows).encode(), rng)


def _in_row(text: bytes, rng: Rng, new: bytes) -> bytes:
    lines = text.split(b"\n")
    at = _some(rng)
    lines[at] = new + lines[at]
    return b"\n".join(lines)


def _file(name: str, content: Callable[[Rng], bytes]) -> Make:
    def make(folder: Path, rng: Rng) -> Path:
        (folder / name).write_bytes(content(rng))
        return folder / name

    return make


def _npz(**changed: Callable[[np.ndarray, np.ndarray, Rng], np.ndarray]) -> Make:
    def make(folder: Path, rng: Rng) -> Path:
        x, y = arrays()
        made = {"x": x, "y": y, **{name: change(x.copy(), y.copy(), rng) for name, change in changed.items()}}
        np.savez(folder / "data.npz", **made)
        return folder / "data.npz"

    return make


def _poked(x: np.ndarray, value: float, rng: Rng) -> np.ndarray:
    x[int(rng.integers(len(x))), int(rng.integers(x.shape[1]))] = value
    return x


def lying_npz(rng: Rng) -> bytes:
    """A small zip whose array says to be 4 TB."""
    header, small = io.BytesIO(), io.BytesIO()
    shape = (1 << 30, int(rng.integers(1 << 10, 1 << 12)))
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    np.save(small, np.arange(10))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 1_000_000)
        archive.writestr("y.npy", small.getvalue())
    return packed.getvalue()


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def _picture(content: Callable[[bytes, Rng], bytes]) -> Make:
    """A folder in which one picture has another content."""

    def make(folder: Path, rng: Rng) -> Path:
        root = sound_pictures(folder)
        chosen = sorted(root.rglob("*.*"))[int(rng.integers(12))]
        chosen.write_bytes(content(chosen.read_bytes(), rng))
        return root

    return make


def _folder(change: Callable[[Path, Rng], object]) -> Make:
    def make(folder: Path, rng: Rng) -> Path:
        root = sound_pictures(folder)
        change(root, rng)
        return root

    return make


def _loop(folder: Path, name: str) -> Path:
    os.symlink(folder / name, folder / name)
    return folder / name


def _idx(name: str, content: Callable[[bytes, Rng], bytes]) -> Make:
    def make(folder: Path, rng: Rng) -> Path:
        path = sound_idx(folder) / name
        path.write_bytes(content(path.read_bytes(), rng))
        return path.parent

    return make


class _Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/nntui-mutant-was-here",)


def _cifar(content: Callable[[bytes, Rng], bytes]) -> Make:
    def make(folder: Path, rng: Rng) -> Path:
        path = sound_cifar(folder) / ("train", "test")[int(rng.integers(2))]
        path.write_bytes(content(path.read_bytes(), rng))
        return path.parent

    return make


def _cut(content: bytes, rng: Rng, least: float = 0.1, most: float = 0.7) -> bytes:
    return content[: int(len(content) * rng.uniform(least, most))]


WRONG: dict[str, Make] = {
    "csv wrong delimiter": _csv(lambda rows, rng: text_of(rows, "#").encode()),
    "csv short row": _csv(lambda rows, rng: rows[_some(rng)].pop()),
    "csv long row": _csv(lambda rows, rng: rows[_some(rng)].append("1")),
    "csv duplicate header": _csv(lambda rows, rng: rows[0].__setitem__(0, "kind")),
    "csv nameless column": _csv(lambda rows, rng: rows[0].__setitem__(int(rng.integers(3)), " ")),
    "csv no header": _csv(lambda rows, rng: rows[1:]),
    "csv no rows": _csv(lambda rows, rng: rows[:1]),
    "csv few rows": _csv(lambda rows, rng: rows[: int(rng.integers(2, 10))]),
    "csv empty": _csv(lambda rows, rng: b""),
    "csv white": _csv(lambda rows, rng: b" \n\t\n"),
    "csv one class": _csv(_column(3, lambda row: "p")),
    "csv a class for each row": _csv(_column(3, lambda row: f"p{row}")),
    "csv NaN": _csv(_set(0, "nan")),
    "csv inf": _csv(_set(0, "-inf")),
    "csv beyond float32": _csv(_set(0, "1e39")),
    "csv text among numbers": _csv(_set(0, "12 kg")),
    "csv empty cell": _csv(_set(0, "")),
    "csv empty category": _csv(_set(1, "")),
    "csv empty target": _csv(_set(3, "")),
    "csv no date": _csv(_set(2, "2024-02-31")),
    "csv free text": _csv(_column(1, lambda row: f"remark {row}")),
    "csv decimal commas": _csv(_column(0, lambda row: f'"{row},5"')),
    "csv ambiguous dates": _csv(_column(2, lambda row: f"0{1 + row % 9}/0{1 + row % 7}/2024")),
    "csv 10 MB cell": _csv(_set(1, "x" * 10_000_000)),
    "csv open quote": _csv(_set(1, '"x')),
    "csv stray quote": _csv(_set(1, '"x" y')),
    "csv NUL": _csv(_bytes(lambda text, rng: _in_row(text, rng, b"\0"))),
    "csv latin-1": _csv(_bytes(lambda text, rng: _in_row(text, rng, "é".encode("latin-1")))),
    "csv UTF-16": _csv(lambda rows, rng: text_of(rows).encode("utf-16")),
    "csv control characters in a name": _csv(lambda rows, rng: rows[0].__setitem__(3, "\x1b]0;owned\x07")),
    "csv folder": lambda folder, rng: (folder / "data.csv").mkdir() or folder / "data.csv",
    "csv symlink loop": lambda folder, rng: _loop(folder, "data.csv"),
    "csv not there": lambda folder, rng: folder / "data.csv",
    "csv pipe": lambda folder, rng: os.mkfifo(folder / "data.csv") or folder / "data.csv",
    "csv is an archive": _file("data.csv", lambda rng: gzip.compress(text_of(table()).encode(), mtime=0)),
    "jsonl not JSON": _file("data.jsonl", lambda rng: b'{"a": 1, "y": 0}\n' * _some(rng) + b'{"a": \n'),
    "jsonl a list": _file("data.jsonl", lambda rng: b'{"a": 1, "y": 0}\n' * _some(rng) + b"[1, 2]\n"),
    "jsonl nested": _file("data.jsonl", lambda rng: b'{"a": 1, "y": 0}\n' * _some(rng) + b'{"a": {}, "y": 1}\n'),
    "jsonl name twice": _file("data.jsonl", lambda rng: b'{"a": 1, "y": 0}\n' * _some(rng) + b'{"a": 1, "a": 2}\n'),
    "jsonl deep": _file("data.jsonl", lambda rng: b"[" * 50_000),
    "jsonl empty": _file("data.jsonl", lambda rng: b"\n\n"),
    "npz NaN": _npz(x=lambda x, y, rng: _poked(x, np.nan, rng)),
    "npz inf": _npz(x=lambda x, y, rng: _poked(x, np.inf, rng)),
    "npz beyond float32": _npz(x=lambda x, y, rng: _poked(x, 1e200, rng)),
    "npz objects": _npz(y=lambda x, y, rng: np.array([_Evil()] * ROWS, dtype=object)),
    "npz short target": _npz(y=lambda x, y, rng: y[: -_some(rng, 20)]),
    "npz one class": _npz(y=lambda x, y, rng: y * 0),
    "npz NaN target": _npz(y=lambda x, y, rng: _poked(y[:, None].astype(float), np.nan, rng)),
    "npz five axes": _npz(x=lambda x, y, rng: x.reshape(ROWS, 3, 1, 1, 1)),
    "npz texts": _npz(x=lambda x, y, rng: x.astype(str)),
    "npz two targets": _npz(y=lambda x, y, rng: x[:, :2]),
    "npz a single number": _npz(y=lambda x, y, rng: np.array(3)),
    "npz no rows": _npz(x=lambda x, y, rng: x[:0], y=lambda x, y, rng: y[:0]),
    "npz that lies": _file("data.npz", lying_npz),
    "npz cut": lambda folder, rng: (path := sound_npz(folder)).write_bytes(_cut(path.read_bytes(), rng)) and path,
    "npz no zip": _file("data.npz", lambda rng: rng.bytes(300)),
    "npz symlink loop": lambda folder, rng: _loop(folder, "data.npz"),
    "npy objects": _file("data.npy", lambda rng: _saved(np.array([[_Evil()]], dtype=object))),
    "npy cut": lambda folder, rng: (path := sound_npy(folder)).write_bytes(_cut(path.read_bytes(), rng)) and path,
    "npy one column": _file("data.npy", lambda rng: _saved(np.arange(40.0)[:, None])),
    "picture cut": _picture(lambda whole, rng: _cut(whole, rng, 0.1, 0.5)),
    "picture empty": _picture(lambda whole, rng: b""),
    "picture that is text": _picture(lambda whole, rng: b"not a picture " * _some(rng)),
    "picture bomb": _picture(lambda whole, rng: png_bomb(int(rng.integers(20_000, 60_000)))),
    "picture smaller bomb": _picture(lambda whole, rng: png_bomb(int(rng.integers(9_500, 13_000)))),
    "picture loop": _folder(lambda root, rng: _loop(root / "a", "zz.png")),
    "pictures without classes": _folder(lambda root, rng: [path.rename(root / path.name) for path in root.rglob("*.*")]),
    "pictures of one class": _folder(lambda root, rng: [path.rename(root / "a" / path.name) for path in (root / "b").iterdir()] and (root / "b").rmdir()),
    "class without pictures": _folder(lambda root, rng: (root / "c").mkdir()),
    "class in the test part only": _folder(lambda root, rng: _divided(root)),
    "folder without pictures": lambda folder, rng: (folder / "shots").mkdir() or folder / "shots",
    "idx cut": _idx("train-images-idx3-ubyte", lambda whole, rng: _cut(whole, rng)),
    "idx too long": _idx("t10k-images-idx3-ubyte", lambda whole, rng: whole + b"x"),
    "idx that lies": _idx("train-images-idx3-ubyte", lambda whole, rng: whole[:4] + b"\x7f" + whole[5:]),
    "idx gzip cut": _idx("train-labels-idx1-ubyte.gz", lambda whole, rng: _cut(whole, rng)),
    "idx gzip bomb": _idx("train-labels-idx1-ubyte.gz", lambda whole, rng: gzip.compress(idx_bytes(np.zeros(10)) + b"\0" * 5_000_000)),
    "idx is text": _idx("t10k-images-idx3-ubyte", lambda whole, rng: b"hello"),
    "cifar evil": _cifar(lambda whole, rng: pickle.dumps({b"data": _Evil()})),
    "cifar cut": _cifar(lambda whole, rng: _cut(whole, rng)),
    "cifar not CIFAR": _cifar(lambda whole, rng: pickle.dumps([1, 2])),
    "cifar wrong width": _cifar(lambda whole, rng: pickle.dumps({b"data": np.zeros((9, 9), np.uint8), b"fine_labels": [0] * 9})),
}  # fmt: skip


def _saved(array: np.ndarray) -> bytes:
    written = io.BytesIO()
    np.save(written, array, allow_pickle=True)
    return written.getvalue()


def _divided(root: Path) -> None:
    for path in list(root.rglob("*.*")):
        target = root / ("test" if path.parent.name == "b" else "train") / path.parent.name
        target.mkdir(parents=True, exist_ok=True)
        path.rename(target / path.name)
    for name in "ab":
        (root / name).rmdir()


# ---- some bytes changed, which may do no harm ----


def shaken(folder: Path, rng: Rng) -> Path:
    """Sound data of some kind in one file of which some bytes were changed, taken out, put in twice or cut off."""
    names = list(SOUND)
    path = SOUND[names[int(rng.integers(len(names)))]](folder)
    file = path if path.is_file() else [one for one in sorted(path.rglob("*")) if one.is_file()][int(rng.integers(3))]
    content = bytearray(file.read_bytes())
    for _ in range(int(rng.integers(1, 5))):
        at, size = int(rng.integers(max(1, len(content)))), int(rng.integers(1, 20))
        match int(rng.integers(4)):
            case 0:
                content[at : at + size] = rng.bytes(size)
            case 1:
                del content[at : at + size]
            case 2:
                content[at:at] = content[at : at + size]
            case _:
                content[at:] = b"" if rng.random() < 0.2 else content[at:]
    file.write_bytes(bytes(content))
    return path
