"""A folder of pictures as a Table: a folder for each class, or such folders in train, val and test."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..config import DataConfig
from ..errors import DataError, Fault, data_error
from ..text import clean
from .delimited import Faults, display_name
from .memorybudget import fits, streamed_words
from .parts import NAMES, TRAIN, part_notes
from .picturestore import PictureStore
from .stored import Streamed, as_array
from .table import Table

SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"])

MOST_PIXELS = 89_478_485
"""Of one picture, as Pillow has it: a small file may unpack to many gigabytes."""

KEPT_SIDE = 64
"""Pictures that are no larger than this keep their size when none is asked for; others are scaled to it."""

MIN_ROWS = 10
LOOKED_AT = 50
_GREY = frozenset(["1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"])


@dataclass(frozen=True, slots=True)
class Found:
    """A picture in the folder. label: the name of its class; part: as Table has it, -1 when there are no parts."""

    path: Path
    label: str
    part: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a folder: the pictures in order of their paths, and how many files are none."""

    pictures: tuple[Found, ...]
    others: int

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({one.label for one in self.pictures}))

    @property
    def has_parts(self) -> bool:
        return any(one.part >= 0 for one in self.pictures)


def list_pictures(source: str) -> Listing:
    """The pictures below a folder, by their names alone. Raises DataError (data.source) when they are in no order of classes."""
    name, root = display_name(source), Path(source).expanduser()
    try:
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        loose = sum(entry.suffix.lower() in SUFFIXES for entry in root.iterdir() if entry.is_file())
        parts = {folder: NAMES[folder.name.lower()] for folder in folders if folder.name.lower() in NAMES}
        if TRAIN not in parts.values():
            parts = {}
        found, others, empty = [], 0, []
        for folder, part in parts.items() if parts else ((root, -1),):
            for own in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
                paths = list(_files_below(own, set()))
                pictures = sorted(path for path in paths if path.suffix.lower() in SUFFIXES)
                others += len(paths) - len(pictures)
                found += [Found(path, own.name, part) for path in pictures]
                empty += [] if pictures else [own]
    except OSError as error:
        where = display_name(str(error.filename or source))
        raise data_error("data.source", f"cannot be read: {error.strerror or clean(error)}", "", where) from None
    if not found:
        hint = "a folder for each class with its pictures in it, or such folders in train, val and test"
        if loose:
            raise data_error("data.source", f"{loose} pictures lie in the folder itself, without a class", hint, name)
        sorts = "png, jpg, bmp, gif, tif, webp, ppm"
        raise data_error("data.source", f"no pictures ({sorts}) in folders below this one", hint, name)
    faults = [
        Fault(
            "data.source", f"class '{clean(own.name, 60)}' has no pictures", "remove the folder", display_name(str(own))
        )
        for own in empty[:10]
    ]
    if faults:
        raise DataError(faults)
    return Listing(tuple(found), others)


def holds_pictures(folder: Path, depth: int = 2) -> bool:
    """Whether there are pictures in folders of classes below this one: a quick look. Raises OSError."""
    for own in list(folder.iterdir())[:200]:
        if own.name.startswith(".") or not own.is_dir():
            continue
        with os.scandir(own) as entries:
            if any(os.path.splitext(entry.name)[1].lower() in SUFFIXES for entry in islice(entries, 50)):
                return True
        if depth > 1 and own.name.lower() in NAMES and holds_pictures(own, depth - 1):
            return True
    return False


def _files_below(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Every file in the folder and those below it; each folder once, whatever links lead to it."""
    about = folder.stat()
    if (about.st_dev, about.st_ino) in seen:
        return
    seen.add((about.st_dev, about.st_ino))
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _files_below(Path(entry.path), seen)
            else:
                yield Path(entry.path)


def load_pictures(config: DataConfig) -> Table:
    """The pictures below the folder `config.source` as a Table; the names of their folders are the classes.

    Each is turned upright (EXIF), made grey or RGB as `config.color` has it, scaled so that it covers `config.image_size` pixels on
    both sides, and cut to that from its middle. Values are 0 to 255. Raises DataError with every picture that cannot be read.
    """
    name = display_name(config.source)
    listing = list_pictures(config.source)
    for key, value in (
        ("data.target", config.target),
        ("data.ignore", config.ignore),
        ("data.categorical", config.categorical),
    ):
        if value:
            raise data_error(key, "a folder of pictures has no columns: its folders are the classes", "remove it", name)
    classes = listing.classes
    _refuse_odd_classes(listing, config, name)
    channels, height, width = shape = _shape(listing, config)
    needed = len(listing.pictures) * channels * height * width * 4
    size = f"{'colour' if channels == 3 else 'grey'} pictures of {height}x{width}"
    if fits(needed):
        x = np.empty((len(listing.pictures), channels * height * width), np.float32)
        other_sizes = _read_all(listing, shape, x)
        notes = [size]
        if other_sizes:
            notes.append(f"{other_sizes} of {len(x)} pictures had another size and were scaled")
    else:
        paths = [one.path.absolute() for one in listing.pictures]
        x = as_array(Streamed(PictureStore(paths, shape)))
        notes = [size, streamed_words("from disk", needed)]
    place = {label: index for index, label in enumerate(classes)}
    part = np.array([one.part for one in listing.pictures], np.int8) if listing.has_parts else None
    if listing.others:
        notes.append(f"{listing.others} files that are no pictures were passed over")
    return Table(
        name=clean(Path(config.source).expanduser().absolute().name, 60),
        task="classification",
        x=x,
        y=np.array([place[one.label] for one in listing.pictures], np.int64),
        feature_names=tuple(f"x{index + 1}" for index in range(x.shape[1])),
        class_names=tuple(clean(label, 80) for label in classes),
        image_shape=shape,
        target="class",
        notes=(*notes, *part_notes(part)),
        part=part,
    )


def _refuse_odd_classes(listing: Listing, config: DataConfig, name: str) -> None:
    counts = Counter(one.label for one in listing.pictures)
    if config.task == "regression":
        raise data_error("data.task", "the folders of pictures are classes", "set it to auto", name)
    if len(counts) == 1:
        problem = f"there is a single class, '{clean(next(iter(counts)), 60)}', so there is nothing to tell apart"
        raise data_error("data.source", problem, "a folder for each of two classes or more", name)
    if len(listing.pictures) < MIN_ROWS:
        raise data_error(
            "data.source", f"only {len(listing.pictures)} pictures", f"at least {MIN_ROWS} are needed", name
        )
    if listing.has_parts:
        trained = {one.label for one in listing.pictures if one.part == TRAIN}
        if unknown := sorted(set(counts) - trained):
            listed = ", ".join(clean(label, 40) for label in unknown[:5])
            problem = f"the training part has no pictures of {listed}{' and more' if len(unknown) > 5 else ''}"
            raise data_error("data.source", problem, "a model cannot learn a class that it never sees", name)


def _shape(listing: Listing, config: DataConfig) -> tuple[int, int, int]:
    """(channels, height, width) of what the net is given: as asked for, or after the first pictures."""
    looked = listing.pictures[:: max(1, len(listing.pictures) // LOOKED_AT)][:LOOKED_AT]
    # The reading tells of those that have no mode and size.
    return suitable_shape([about for one in looked if (about := _mode_and_size(one.path)) is not None], config)


def suitable_shape(known: Sequence[tuple[str, tuple[int, int]]], config: DataConfig) -> tuple[int, int, int]:
    """(channels, height, width) that pictures are brought to: as asked for, or after some of them. known: mode and size
    (width, height), as Pillow has them, of these."""
    channels = {"grey": 1, "rgb": 3}.get(config.color, 0)
    if not channels:
        channels = 1 if all(mode in _GREY for mode, _ in known) else 3
    if config.image_size:
        return channels, config.image_size, config.image_size
    width, height = known[0][1] if known else (KEPT_SIDE, KEPT_SIDE)
    return (channels, height, width) if max(width, height) <= KEPT_SIDE else (channels, KEPT_SIDE, KEPT_SIDE)


def _mode_and_size(path: Path) -> tuple[str, tuple[int, int]] | None:
    """Of a picture, from its header alone; its size as it is shown (width, height). None when it cannot be read."""
    try:
        with _opened(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) >= 5  # the orientations that exchange width and height
            return picture.mode, ((height, width) if turned else (width, height))
    except Exception:  # noqa: BLE001  -- whatever a damaged file does to its reader
        return None


def _read_all(listing: Listing, shape: tuple[int, int, int], x: np.ndarray) -> int:
    """Read every picture into its row of x; how many had another size. Raises DataError with all that cannot be read."""
    faults = Faults("pictures that cannot be read", "")
    other_sizes = 0

    def read(row: int) -> Fault | bool:
        try:
            x[row], scaled = read_picture(listing.pictures[row].path, shape)
            return scaled
        except DataError as error:
            return error.faults[0]

    # Pillow lets go of the interpreter while it decodes.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for result in pool.map(read, range(len(x))):
            if isinstance(result, Fault):
                faults.add(result)
            else:
                other_sizes += result
    if faults.total:
        raise DataError(faults.lines())
    return other_sizes


def read_picture(path: Path, shape: Sequence[int]) -> tuple[np.ndarray, bool]:
    """A picture as float32 (channels * height * width,) from 0 to 255, and whether it had to be scaled. Raises DataError."""
    try:
        with _opened(path) as opened:
            opened.load()
            return pixels_of(opened, shape)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001  -- whatever a damaged file does to its reader
        raise DataError([_fault(path, error)]) from None


def pixels_of(picture: Any, shape: Sequence[int]) -> tuple[np.ndarray, bool]:
    """A picture of Pillow's as `read_picture` has it: upright, on white, in grey or colours, scaled and cut to this shape."""
    from PIL import Image, ImageOps

    channels, height, width = shape
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16") or picture.mode == "I":  # 16 bits a pixel: Pillow would cut them off at 255
        picture = Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("L" if channels == 1 else "RGB")
    scaled = picture.size != (width, height)
    if scaled:
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)
    values = np.asarray(picture, np.float32)
    rows = values[None] if channels == 1 else np.moveaxis(values, -1, 0)
    return rows.reshape(-1), scaled


def _opened(path: Path) -> Any:
    from PIL import Image

    if not path.is_file():  # a pipe or a device might never end; a link may lead nowhere
        raise data_error("data.source", "this is not a regular file", "remove it", display_name(str(path)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = Image.open(path)
    width, height = picture.size
    if width * height > MOST_PIXELS:
        picture.close()
        problem = f"the picture says to be {width}x{height} pixels, more than {MOST_PIXELS // 1_000_000} million"
        raise data_error("data.source", problem, "make it smaller, or remove it", display_name(str(path)))
    return picture


def _fault(path: Path, error: Exception) -> Fault:
    where = display_name(str(path))
    if isinstance(error, OSError) and error.strerror:
        return Fault("data.source", f"cannot be read: {error.strerror}", "", where)
    said = clean(str(error).partition("\n")[0], 80)
    if type(error).__name__ == "UnidentifiedImageError":
        size = path.stat().st_size if path.exists() else 0
        said = "no format that Pillow knows" if size else "the file is empty"
    if type(error).__name__ == "DecompressionBombError":
        return Fault("data.source", "the picture unpacks to too many pixels", "make it smaller, or remove it", where)
    return Fault("data.source", f"no picture, or a damaged one: {said}", "replace or remove it", where)
