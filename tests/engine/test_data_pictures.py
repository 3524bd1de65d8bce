"""Folders of pictures, IDX and CIFAR files: the same pictures as the set that they were made from, and clear words where they are not."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from engine import train
from engine.config import DataConfig
from engine.configfile import build_config
from engine.data.prepared import load_prepared
from engine.data.preprocess import Preprocess
from engine.data.sources import peek_source, sort_of_source
from engine.data.splits import split
from engine.data.table import Table, load
from engine.errors import ConfigError, DataError, Fault
from engine.previewing import preview_data
from engine.regularization import Augmentation, moved

DIGITS = load_digits()


def read(path: Path, **knobs) -> Table:
    return load(DataConfig(source=str(path), **knobs))


def faults(path: Path, **knobs) -> list[Fault]:
    with pytest.raises(DataError) as caught:
        read(path, **knobs)
    for fault in caught.value.faults:
        assert fault.line().isprintable()
    return list(caught.value.faults)


def only(path: Path, **knobs) -> Fault:
    (fault,) = faults(path, **knobs)
    return fault


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """`folder(rows)`: some of the digits as pictures in folders of their classes; `folder(rows, part)` in folders of parts."""

    def make(rows: range = range(60), part: Callable[[int], str] = lambda row: ".") -> Path:
        for row in rows:
            place = tmp_path / "digits" / part(row) / f"{DIGITS.target[row]}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray((DIGITS.images[row] * 15).astype(np.uint8)).save(place / f"{row:04}.png")
        return tmp_path / "digits"

    return make


# ---- folders ----


def test_pictures_come_through_exactly(folder):
    root = folder()
    (root / "3" / "notes.txt").write_text("not a picture")
    (root / ".cache").mkdir()
    table = read(root)
    assert (table.name, table.task, table.image_shape) == ("digits", "classification", (1, 8, 8))
    assert table.class_names == tuple("0123456789")
    rows = sorted(range(60), key=lambda row: (DIGITS.target[row], row))
    assert np.array_equal(table.x, (DIGITS.data[rows] * 15).astype(np.float32))
    assert np.array_equal(table.y, DIGITS.target[rows])
    assert "1 files that are no pictures were passed over" in table.notes
    seen = peek_source(str(root))
    assert (seen.about, seen.optional, seen.names) == ("60 pictures of 10 classes", True, ())
    preview = preview_data(DataConfig(source=str(root)))
    assert (preview.shape, len(preview.pictures)) == ((1, 8, 8), 6)


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "Testing")])
def test_folders_of_parts(folder, names):
    root = folder(range(90), lambda row: names[0 if row < 60 else 1 if row < 75 else 2])
    table = read(root)
    rows = split(table, DataConfig(source=str(root)))
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (60, 15, 15)
    assert set(rows.test) == set(np.flatnonzero(table.part == 2))
    assert any("training 60, validation 15, test 15" in note for note in table.notes)


def test_sizes_and_colours(folder, tmp_path):
    root = folder(range(40))
    wide = Image.new("RGB", (40, 20), (255, 0, 0))
    wide.paste((0, 0, 255), (4, 0, 36, 20))  # the middle, which is what is left of it
    wide.save(root / "0" / "zz.png")
    table = read(root, color="rgb", image_size=4)
    assert table.image_shape == (3, 4, 4)
    row = max(np.flatnonzero(table.y == 0))
    assert table.x[row].reshape(3, 16).tolist() == [[0.0] * 16, [0.0] * 16, [255.0] * 16]
    assert any("had another size" in note for note in table.notes)
    assert read(root, color="grey").image_shape == (1, 8, 8)
    assert read(root).image_shape == (3, 8, 8)  # one picture of those looked at has colours


def test_a_picture_is_turned_upright_flattened_on_white_and_keeps_its_16_bits(folder):
    root = folder(range(40))
    turned = Image.fromarray(np.array([[0, 0, 200], [0, 0, 0]], np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    turned.save(root / "0" / "zz.png", exif=exif)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(root / "1" / "zz.png")
    Image.fromarray(np.full((8, 8), 0x4020, np.uint16)).save(root / "2" / "zz.png")
    table = read(root, color="grey")
    last = [table.x[max(np.flatnonzero(table.y == label))].reshape(8, 8) for label in range(3)]
    assert last[0][-1, -1] > 100 and last[0][0, 0] < 5
    assert (last[1] == 255).all()
    assert (last[2] == 0x40).all()


def test_pictures_that_cannot_be_read_are_named_all_at_once(folder):
    root = folder()
    whole = (root / "0" / "0000.png").read_bytes()
    for name, content in {
        "cut": whole[:60],
        "text": b"hello",
        "empty": b"",
        "lie": b"\x89PNG\r\n\x1a\n" + whole[8:30],
    }.items():
        (root / "1" / f"{name}.png").write_bytes(content)
    os.symlink("nowhere.png", root / "2" / "link.png")
    os.mkfifo(root / "3" / "pipe.png")
    found = faults(root)
    assert [Path(fault.where).name for fault in found] == [
        "cut.png",
        "empty.png",
        "lie.png",
        "text.png",
        "link.png",
        "pipe.png",
    ]
    assert "the file is empty" in found[1].problem
    assert not any("Traceback" in fault.line() or "\n" in fault.line() for fault in found)


def test_a_bomb_is_refused_by_its_header(folder, monkeypatch):
    root = folder()
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    (root / "4" / "bomb.png").write_bytes(bomb)
    fault = only(root)
    assert "unpacks to too many pixels" in fault.problem
    assert fault.where.endswith("bomb.png")
    (root / "4" / "bomb.png").unlink()
    monkeypatch.setattr("engine.data.images.MOST_PIXELS", 63)
    assert all("says to be 8x8 pixels" in fault.problem for fault in faults(root)[:10])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda root: [path.rename(root / path.name) for path in root.rglob("*.png")], "60 pictures lie in the folder itself"),
        (lambda root: [path.unlink() for path in root.rglob("*.png")], "no pictures"),
        (lambda root: (root / "new").mkdir(), "class 'new' has no pictures"),
        (lambda root: [path.unlink() for path in root.rglob("*.png") if path.parent.name != "1"] + [path.rmdir() for path in root.iterdir() if path.name != "1"], "a single class"),
        (lambda root: [path.unlink() for path in root.rglob("*.png") if path.name > "0009"] + [path.rmdir() for path in root.iterdir() if not any(path.iterdir())], "only"),
    ],
)  # fmt: skip
def test_folders_that_are_no_dataset(folder, spoil, words):
    root = folder()
    spoil(root)
    assert words in faults(root)[0].problem


def test_a_class_that_is_tested_only(folder):
    root = folder(range(60), lambda row: "test" if DIGITS.target[row] == 7 or row > 50 else "train")
    assert "the training part has no pictures of 7" in only(root).problem


def test_links_that_go_round(folder):
    root = folder()
    os.symlink(root, root / "5" / "round")
    assert len(read(root).y) > 60  # what the link leads to is there once more, and no more than once


def test_settings_that_mean_nothing_for_pictures(folder):
    root = folder()
    assert only(root, target="y").key == "data.target"
    assert only(root, task="regression").key == "data.task"


# ---- flips and shifts ----


def test_flips_and_shifts():
    x = torch.arange(64.0).reshape(4, 1, 4, 4)
    generator = torch.Generator().manual_seed(0)
    flipped = moved(x, True, 0, generator)
    mirrored = [torch.equal(one, own.flip(-1)) for one, own in zip(flipped, x, strict=True)]
    assert all(torch.equal(one, own) or turned for one, own, turned in zip(flipped, x, mirrored, strict=True))
    assert any(mirrored) and not all(mirrored)
    shifted = moved(x.expand(400, 1, 4, 4) if len(x) == 1 else x.repeat(100, 1, 1, 1), False, 1, generator)
    base = x[0, 0]
    seen = {tuple(one[0, 1:3, 1:3].flatten().tolist()) for one in shifted[::4]}
    assert seen == {
        tuple(base[1 + a : 3 + a, 1 + b : 3 + b].flatten().tolist()) for a in (-1, 0, 1) for b in (-1, 0, 1)
    }


def test_they_are_the_same_for_the_same_seed_and_leave_the_other_draws_alone():
    x, y = torch.randn(8, 16), torch.zeros(8)
    device = torch.device("cpu")
    both = [Augmentation(0.1, 0.0, 3, device, True, 1, (1, 4, 4))(x, y)[0] for _ in range(2)]
    assert torch.equal(*both)
    noise = Augmentation(0.1, 0.0, 3, device)(x, y)[0] - x
    plain = Augmentation(0.0, 0.0, 3, device, True, 1, (1, 4, 4))(x, y)[0]
    torch.testing.assert_close(both[0] - plain, noise)


def test_a_run_with_pictures_learns_and_keeps_its_preprocessing(folder, tmp_path):
    root = folder(range(600))
    given = {
        "data": {"source": str(root)},
        "model": {"kind": "cnn", "channels": [8], "hidden": [16]},
        "regularization": {"shift": 1},
        "optimizer": {"lr": 0.01},
        "run": {"epochs": 6, "folder": str(tmp_path), "tensorboard": False, "checkpoints": 0},
    }
    result = train(build_config(given))
    assert result.test_metric is not None and result.test_metric > 0.6
    kept = Preprocess.from_json((Path(result.folder) / "preprocess.json").read_text())
    assert kept.shaped is not None and kept.shaped.shape == (1, 8, 8)
    assert kept.target.class_names == tuple("0123456789")


def test_flips_are_for_pictures(tmp_path):
    with pytest.raises(ConfigError, match=r"regularization\.flip: has no effect"):
        build_config({"data": {"source": "wine"}, "regularization": {"flip": True}})
    np.savez(tmp_path / "a.npz", x=DIGITS.data[:30], y=DIGITS.target[:30] % 2)
    config = build_config({"data": {"source": str(tmp_path / "a.npz")}, "regularization": {"shift": 1}})
    with pytest.raises(ConfigError, match=r"regularization\.shift: is for pictures"):
        train(config)


# ---- IDX ----


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def mnist(root: Path, suffix: str = "", rows: int = 60) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    opened = gzip.open if suffix else open
    for part, own in (("train", slice(0, rows)), ("t10k", slice(rows, rows + 20))):
        for what, array in (("images-idx3", DIGITS.images[own]), ("labels-idx1", DIGITS.target[own])):
            with opened(root / f"{part}-{what}-ubyte{suffix}", "wb") as file:
                file.write(idx(array))
    return root


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx(tmp_path, suffix):
    root = mnist(tmp_path / "MNIST" / "raw", suffix)
    for source in (root, root.parent, tmp_path, root / f"train-images-idx3-ubyte{suffix}"):
        assert sort_of_source(str(source)) == "idx"
    table = read(tmp_path)
    assert np.array_equal(table.x, DIGITS.data[:80].astype(np.float32))
    assert np.array_equal(table.y, DIGITS.target[:80])
    assert (table.image_shape, int((table.part == 2).sum())) == ((1, 8, 8), 20)
    assert load_prepared(DataConfig(source=str(tmp_path))).x_test.shape == (20, 64)
    assert peek_source(str(root)).optional


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda one: one.write_bytes(one.read_bytes()[:-1]), "cut short"),
        (lambda one: one.write_bytes(one.read_bytes() + b"x"), "longer than it says"),
        (lambda one: one.write_bytes(b"\0\0\x08"), "no IDX file"),
        (lambda one: one.write_bytes(b"\0\0\x07\x01" + b"\0" * 10), "no IDX file"),
        (lambda one: one.write_bytes(idx(np.zeros(59))), "has 60 rows and its targets of the training part 59"),
        (lambda one: one.write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 4_000_000_000) + b"\0"), "room for"),
        (lambda one: one.unlink(), "the labels that go with train-images-idx3-ubyte are not there"),
    ],
)
def test_idx_files_that_are_not_right(tmp_path, spoil, words, monkeypatch):
    monkeypatch.setattr("engine.data.memorybudget.budget", lambda: 1 << 30)
    root = mnist(tmp_path)
    spoil(root / "train-labels-idx1-ubyte")
    assert words in only(root).problem


def test_damaged_gzip(tmp_path):
    root = mnist(tmp_path, ".gz")
    labels = root / "train-labels-idx1-ubyte.gz"
    whole = labels.read_bytes()
    for content in (whole[:-20], whole[:20] + b"\xff" * 20, b"hello"):
        labels.write_bytes(content)
        assert only(root).where.endswith(".gz")


# ---- CIFAR ----


def colours(rows: int) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (rows, 3072), dtype=np.uint8), [int(label) for label in rng.integers(0, 10, rows)]


NAMES = [f"kind {number}" for number in range(10)]


def cifar(root: Path, pickled: bool = True) -> tuple[Path, np.ndarray, list[int]]:
    root.mkdir()
    pixels, labels = colours(72)
    for number in range(6):
        own = slice(12 * number, 12 * number + 12)
        name = f"data_batch_{number + 1}" if number < 5 else "test_batch"
        if pickled:
            (root / name).write_bytes(pickle.dumps({b"data": pixels[own], b"labels": labels[own]}, protocol=2))
        else:
            records = np.column_stack([np.array(labels[own], np.uint8), pixels[own]])
            (root / f"{name}.bin").write_bytes(records.tobytes())
    if pickled:
        (root / "batches.meta").write_bytes(pickle.dumps({b"label_names": [name.encode() for name in NAMES]}))
    else:
        (root / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return root, pixels, labels


@pytest.mark.parametrize("pickled", [True, False])
def test_cifar_10(tmp_path, pickled):
    root, pixels, labels = cifar(tmp_path / ("cifar-10-batches-py" if pickled else "cifar-10-batches-bin"), pickled)
    for source in (root, tmp_path):
        table = read(source)
    assert np.array_equal(table.x, pixels.astype(np.float32))
    assert table.image_shape == (3, 32, 32)
    assert [table.class_names[code] for code in table.y] == [NAMES[label] for label in labels]
    assert (table.part == 2).sum() == 12


def test_cifar_100(tmp_path):
    pixels, labels = colours(40)
    for name, own in (("train", slice(0, 30)), ("test", slice(30, 40))):
        fine = {"data": pixels[own], "fine_labels": labels[own], "coarse_labels": labels[own]}
        (tmp_path / name).write_bytes(pickle.dumps({key.encode(): value for key, value in fine.items()}))
    (tmp_path / "meta").write_bytes(pickle.dumps({b"fine_label_names": [name.encode() for name in NAMES]}))
    table = read(tmp_path)
    assert [table.class_names[code] for code in table.y] == [NAMES[label] for label in labels]


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/nntui-was-here",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps({b"data": Evil(), b"labels": []}), "asks for posix.system"),
        (b"cos\nsystem\n(S'touch /tmp/nntui-was-here'\ntR.", "asks for os.system"),
        (pickle.dumps(np.array([Evil()], dtype=object)), "asks for posix.system"),
        (pickle.dumps({b"data": np.zeros((3, 3072), np.uint8), b"labels": [1, 2]}), "not a number for each picture"),
        (pickle.dumps({b"data": np.zeros((3, 3071), np.uint8), b"labels": [1, 2, 3]}), "not pictures of 3072 bytes"),
        (pickle.dumps([1, 2]), "no part of CIFAR"),
        (b"", "cannot be read"),
        (b"\x80\x04\x95", "cannot be read"),
    ],
)
def test_pickles_that_want_more_than_pictures(tmp_path, content, words):
    root, _, _ = cifar(tmp_path / "cifar")
    (root / "data_batch_2").write_bytes(content)
    fault = only(root)
    assert words in fault.problem
    assert fault.where.endswith("data_batch_2")
    assert not Path("/tmp/nntui-was-here").exists()
