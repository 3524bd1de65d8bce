"""The part of a program that reads data which is no table of text: NumPy files, and a folder of pictures."""

from __future__ import annotations

import numpy as np

from ..data.arrays import headers_of, plan_of
from ..data.delimited import display_name
from ..data.images import SUFFIXES, list_pictures
from ..data.stored import streamed
from ..data.table import Table
from ..errors import config_error
from .lines import Code, literal
from .plan import Plan


def path_code(plan: Plan) -> str:
    """The path of the data, as Python."""
    plan.use("from pathlib import Path")
    source = plan.config.data.source
    return f"Path({literal(source)}){'.expanduser()' if source.startswith('~') else ''}"


def arrays_code(code: Code, plan: Plan) -> None:
    """x (rows, features) and y (rows,) from a .npz or .npy, as engine.data.arrays reads them."""
    data, table = plan.config.data, plan.table
    assert table is not None
    where = path_code(plan)
    if data.source.lower().endswith(".npy"):
        place = int(data.target.strip() or "-1")
        code.add(f"matrix = np.load({where})")
        code.add(f"y = matrix[:, {place}]")
        code.add(f"x = np.delete(matrix, {place}, axis=1).astype(np.float32)")
    else:
        headers = headers_of(data.source)
        named = plan_of(headers, data.target.strip(), display_name(data.source))
        code.open(f"with np.load({where}) as file:")
        code.add(f"x, y = file[{literal(named.x[-1])}], file[{literal(named.y[-1])}]")
        code.close()
        shape = headers[named.x[-1]].shape
        if len(shape) == 4 and shape[3] <= 4:
            code.add("x = np.moveaxis(x, 3, 1)  # channels first")
        code.add("x = x.reshape(len(x), -1).astype(np.float32)")
        if len(headers[named.y[-1]].shape) == 2:
            code.add("y = y.argmax(axis=1)" if headers[named.y[-1]].shape[1] > 1 else "y = y[:, 0]")
    if data.missing == "drop" and table.dropped:
        code.add("known = ~np.isnan(x).any(axis=1)", "x, y = x[known], y[known]")
    if plan.classes:
        code.add("classes, y = np.unique(y, return_inverse=True)")
    else:
        code.add("y = y.astype(np.float32)")
    unchanged_code(code, plan)


def pictures_code(code: Code, plan: Plan) -> None:
    """x (rows, channels * height * width) and y (rows,) from a folder for each class, as engine.data.images reads them."""
    assert plan.image_shape is not None
    channels, height, width = plan.image_shape
    plan.use("from PIL import Image, ImageOps")
    code.gap(2)
    code.open("def read_picture(path):")
    code.add('"""A picture as numbers from 0 to 255, upright, on white, scaled and cut to one size."""')
    code.open("with Image.open(path) as file:")
    code.add("picture = ImageOps.exif_transpose(file)")
    code.close()
    code.open('if picture.mode == "I" or picture.mode.startswith("I;16"):  # 16 bits')
    code.add("pixels = np.asarray(picture).astype(np.int64) >> 8")
    code.add("picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))")
    code.close()
    code.open('if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:')
    code.add('picture = picture.convert("RGBA")')
    code.add('white = Image.new("RGBA", picture.size, "white")')
    code.add("picture = Image.alpha_composite(white, picture)")
    code.close()
    code.add(f'picture = picture.convert("{"L" if channels == 1 else "RGB"}")')
    code.open(f"if picture.size != ({width}, {height}):")
    code.add(f"picture = ImageOps.fit(picture, ({width}, {height}), Image.Resampling.BILINEAR)")
    code.close()
    code.add("pixels = np.asarray(picture, np.float32)")
    code.add("return pixels.ravel()" if channels == 1 else "return np.moveaxis(pixels, -1, 0).ravel()")
    code.close()
    code.gap(2)
    code.table("suffixes = ", [literal(one) for one in sorted(SUFFIXES)])
    code.add(f"root = {path_code(plan)}")
    code.table("classes = ", [literal(label) for label in list_pictures(plan.config.data.source).classes])
    code.add("paths, labels = [], []")
    code.open("for label, name in enumerate(classes):")
    code.add('found = sorted(path for path in (root / name).rglob("*") if path.is_file())')
    code.add("found = [path for path in found if path.suffix.lower() in suffixes]")
    code.add('found = [path for path in found if "/." not in path.relative_to(root).as_posix()]')
    code.add("paths += found", "labels += [label] * len(found)")
    code.close()
    code.add("x = np.stack([read_picture(path) for path in paths])", "y = np.array(labels)")
    unchanged_code(code, plan)


def unchanged_code(code: Code, plan: Plan) -> None:
    """A check that the data is what it was when the program was written."""
    expected = f"len(y) == {plan.rows}"
    if plan.classes:
        code.table("counts = ", [literal(count) for count in plan.counts])
        expected = "np.bincount(y).tolist() == counts"
    code.add(f'assert {expected}, "the data has changed since this was written"')


def refuse_other_data(table: Table, missing: str) -> None:
    """Raise ConfigError for data that only a run can use."""
    if streamed(table.x) is not None:
        problem = "a script keeps all of the data in memory, where it does not fit"
        raise config_error("data.source", problem, "train on it with nntui, which streams it, or use smaller pictures")
    if table.part is not None:
        problem = "a script divides the data by itself, and this data comes in parts of its own"
        raise config_error("data.source", problem, "put all of it into one part")
    if table.image_shape is not None and missing in ("mean", "median") and np.isnan(table.x).any():
        problem = "a script does not fill in what is missing in pictures"
        raise config_error("data.missing", problem, "use drop")
