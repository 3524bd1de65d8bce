"""The part of a program that makes the data: read or generate it, divide it, standardize it, make tensors of it."""

from __future__ import annotations

import csv
import io

from ..data.catalogue import card
from ..data.cells import MISSING
from ..data.delimited import read_text, sniff
from ..data.sources import sort_of_source
from ..errors import config_error
from .lines import Code, literal
from .otherfiles import arrays_code, path_code, pictures_code, unchanged_code
from .plan import Plan
from .tables import columns_code, encoded_code, is_mixed

_SHIPPED = {
    "digits": "load_digits",
    "wine": "load_wine",
    "breast_cancer": "load_breast_cancer",
    "iris": "load_iris",
    "diabetes": "load_diabetes",
}

# The points of each generated set, class after class, before noise; `sizes` holds the rows of each class.
_POINTS: dict[str, list[str]] = {
    "moons": [
        "upper, lower = (np.linspace(0, np.pi, size) for size in sizes)",
        "clouds = [",
        "    np.column_stack([np.cos(upper), np.sin(upper)]),",
        "    np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)]),",
        "]",
    ],
    "circles": [
        "clouds = []",
        "for size, radius in zip(sizes, (1.0, 0.5)):",
        "    angle = np.linspace(0, 2 * np.pi, size, endpoint=False)",
        "    clouds.append(radius * np.column_stack([np.cos(angle), np.sin(angle)]))",
    ],
    "blobs": [
        "centres = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]",
        "clouds = [np.tile(centre, (size, 1)) for centre, size in zip(centres, sizes)]",
    ],
    "spirals": [
        "clouds = []",
        "for size, turned in zip(sizes, (0.0, np.pi)):",
        "    angle = np.sqrt(np.linspace((0.5 * np.pi) ** 2, (3.5 * np.pi) ** 2, size))",
        "    arm = np.column_stack([np.cos(angle + turned), np.sin(angle + turned)])",
        "    clouds.append((angle / np.pi)[:, None] * arm)",
    ],
    "xor": [
        "clouds = []",
        "for size, sign in zip(sizes, (-1.0, 1.0)):",
        "    points = rng.uniform(0.5, 1.5, (size, 2))",
        "    side = np.where(np.arange(size) % 2 == 0, 1.0, -1.0)",
        "    clouds.append(points * np.column_stack([side, sign * side]))",
    ],
    "two_points": ["clouds = [np.tile((side, side), (size, 1)) for side, size in zip((-1.0, 1.0), sizes)]"],
}


def data_code(code: Code, plan: Plan) -> None:
    """The whole dataset as x (rows, features) and y (rows,)."""
    plan.use("import numpy as np")
    code.heading("data")
    source = plan.config.data.source
    known = card(source)
    if known is None:
        readers = {"arrays": arrays_code, "pictures": pictures_code}
        readers.get(sort_of_source(source), _file_code)(code, plan)
    elif source in _SHIPPED:
        reader = _SHIPPED[source]
        plan.use(f"from sklearn.datasets import {reader}")
        code.add(f"dataset = {reader}({'scaled=False' if source == 'diabetes' else ''})")
        code.add("x = dataset.data.astype(np.float32)")
        code.add("y = dataset.target" if plan.classes else "y = dataset.target.astype(np.float32)")
    else:
        _generated_code(code, plan)


def _generated_code(code: Code, plan: Plan) -> None:
    data = plan.config.data
    plan.constant("NOISE", data.noise, "standard deviation of the noise on the generated points")
    code.add(f"rng = np.random.default_rng([{data.seed}, 0xDA7A])")
    if data.source == "sparse":
        code.add(
            f"x = rng.normal(size=({data.rows}, 20))",
            f"y = x[:, :4] @ np.array([3.0, -2.0, 1.5, 1.0]) + rng.normal(0.0, NOISE, {data.rows})",
            "x, y = x.astype(np.float32), y.astype(np.float32)",
        )
        return
    code.add(f"sizes = {list(plan.counts)}  # points of each class", *_POINTS[data.source])
    code.add(
        "x = np.concatenate(clouds)",
        "x = (x + rng.normal(0.0, NOISE, x.shape)).astype(np.float32)",
        f"y = np.repeat(np.arange({plan.classes}), sizes)",
    )


def _file_code(code: Code, plan: Plan) -> None:
    """A table of numbers with a header, as engine.data.files reads it."""
    data, table = plan.config.data, plan.table
    assert table is not None
    plan.use("import csv")
    text = read_text(data.source)
    delimiter = sniff(data.source, text)
    header = next(row for row in csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True) if row)
    names = [name.strip() for name in header]
    target = data.target.strip()
    if not {target, *data.ignore} <= set(names):
        key = "data.target" if target not in names else "data.ignore"
        raise config_error(key, "is not written as in the file", "copy the name from the file's first line")
    if is_mixed(table) and not {column.name for column in table.columns} <= set(names):
        raise config_error("data.source", "a column has a name that a program cannot show", "rename it in the file")
    code.open(f'with {path_code(plan)}.open(encoding="utf-8-sig", newline="") as file:')
    code.add(f"reader = csv.reader(file, delimiter={literal(delimiter)}, skipinitialspace=True)")
    code.add("header, *rows = [row for row in reader if len(row) > 1]")
    code.close()
    code.add(f"target = [name.strip() for name in header].index({literal(target)})")
    if data.ignore:
        code.table("ignored = ", [literal(name) for name in data.ignore])
        code.add(
            "inputs = [place for place, name in enumerate(header) if place != target and name.strip() not in ignored]"
        )
    gaps = data.missing in ("mean", "median")
    if data.missing != "refuse":
        code.gap(2)
        code.open("def is_missing(cell):")
        code.add('"""Whether a cell says that there is no value."""')
        code.call('return cell.strip().lower().lstrip("+-") in (', map(literal, sorted(MISSING)))
        code.close()
        code.gap(2)
        if not gaps:
            cells = "[row[place] for place in (*inputs, target)]" if data.ignore else "row"
            code.add(f"rows = [row for row in rows if not any(map(is_missing, {cells}))]")
    code.add("labels = [row[target].strip() for row in rows]")
    if is_mixed(table):
        columns_code(code, plan)
    elif data.ignore:
        code.add("cells = [[row[place] for place in inputs] for row in rows]")
    else:
        code.add("cells = [row[:target] + row[target + 1 :] for row in rows]")
    if gaps:
        plan.use("import math")
        code.add(
            "inputs = [[math.nan if is_missing(cell) else float(cell) for cell in row] for row in cells]",
            "x = np.array(inputs, dtype=np.float64).astype(np.float32)",
        )
    elif not is_mixed(table):
        code.add("x = np.array(cells, dtype=np.float64).astype(np.float32)")
    if plan.classes:
        kind = _kind_of_labels(table.class_names)
        values = "labels" if kind == "str" else f"[{kind}(label) for label in labels]"
        code.add(f"classes, y = np.unique({values}, return_inverse=True)")
    else:
        code.add("y = np.array(labels, dtype=np.float64).astype(np.float32)")
    unchanged_code(code, plan)


def _kind_of_labels(names: tuple[str, ...]) -> str:
    """How the cells of the target are read: as engine.data.targets tells numbers from text."""

    def all_are(kind: type) -> bool:
        try:
            values = [kind(name) for name in names]
        except ValueError:
            return False
        return not any("_" in name for name in names) and len(set(values)) == len(values)

    return "float" if all_are(float) else "int" if all_are(int) else "str"


def split_code(code: Code, plan: Plan) -> None:
    """The three parts by shares, and the tensors of each."""
    data, kept = plan.config.data, plan.train_rows
    code.gap()
    if not data.shuffle:
        train = plan.rows - plan.validation_rows - plan.test_rows
        code.note("The first rows are trained on, the next ones watched, the last ones tested.")
        code.add(f"train = np.arange({train - kept}, {train})")
        code.add(f"validation = np.arange({train}, {train + plan.validation_rows})")
        code.add(f"test = np.arange({train + plan.validation_rows}, {plan.rows})")
    elif plan.allocation is None:
        train = plan.rows - plan.validation_rows - plan.test_rows
        code.add(f"order = np.random.default_rng([{data.seed}, 0x5B11]).permutation({plan.rows})")
        code.add(f"train = order[:{kept}]")
        code.add(f"validation = order[{train}:{train + plan.validation_rows}]")
        code.add(f"test = order[{train + plan.validation_rows}:]")
    else:
        _stratified_code(code, plan, plan.allocation)
    _tensors_code(code, plan)


def _stratified_code(code: Code, plan: Plan, allocation: list[tuple[int, ...]]) -> None:
    left_out = any(row[1] for row in allocation)
    names = "training, none at all, validation and test" if left_out else "training, validation and test"
    rows = allocation if left_out else [(row[0], row[2], row[3]) for row in allocation]
    code.note(f"Rows of each class for {names}: every part has the same mix of classes.")
    code.table("allocation = ", [literal(row) for row in rows])
    code.add(
        f"order = np.random.default_rng([{plan.config.data.seed}, 0x5B11]).permutation(len(y))",
        f"part = np.empty(len(y), dtype=int)  # of each row in this order, {'0 to 3' if left_out else '0 to 2'}",
    )
    code.open("for label, sizes in enumerate(allocation):")
    code.add(f"part[y[order] == label] = np.repeat({[0, 1, 2, 3] if left_out else [0, 1, 2]}, sizes)")
    code.close()
    parts = (0, 2, 3) if left_out else (0, 1, 2)
    code.add(f"train, validation, test = (order[part == number] for number in {parts})")


def fold_code(code: Code, plan: Plan) -> None:
    """The folds, and the head of the loop over them with the tensors of each."""
    data, trials = plan.config.data, plan.config.trials
    folds = plan.constant("FOLDS", trials.folds, "parts that the data is cut into; each is tested once")
    code.gap()
    if not data.shuffle:
        code.add("order = np.arange(len(y))")
        code.add(f"part = order * {folds} // len(order)  # blocks of rows as they stand")
    else:
        code.add(f"order = np.random.default_rng([{data.seed}, 0x5B11]).permutation(len(y))")
        code.add("part = np.empty(len(y), dtype=int)")
        if data.stratify and plan.classes:
            code.note("Class after class, dealt out in turn like cards: every part has the same mix of classes.")
            code.add(f'part[np.argsort(y[order], kind="stable")] = np.arange(len(y)) % {folds}')
        else:
            code.add(f"part[:] = np.arange(len(y)) % {folds}")
    code.gap()
    code.add("results = []")
    if trials.all_pairs:
        code.add(f"steps = range(1, {folds})")
        code.add(f"pairs = [(fold, (fold + step) % {folds}) for fold in range({folds}) for step in steps]")
    else:
        code.add(f"pairs = [(fold, (fold + 1) % {folds}) for fold in range({folds})]")
    code.open("for tested, watched in pairs:")
    code.add('print(f"test on part {tested + 1}, validation on part {watched + 1}")')
    code.add("test, validation = order[part == tested], order[part == watched]")
    code.add("train = order[(part != tested) & (part != watched)]")
    _tensors_code(code, plan)


def _tensors_code(code: Code, plan: Plan) -> None:
    """Standardize by what the training part alone shows, and make tensors."""
    data = plan.config.data
    inputs, targets = "x", "y"
    folds = plan.config.trials.kind == "kfold"
    if data.missing in ("mean", "median") and plan.table is not None:
        inputs = _reassigned(folds, "filled", inputs)
        code.gap()
        code.note(f"A missing value becomes the {data.missing} of its column over the training part.")
        code.add(f"fill = np.nan{data.missing}(x[train].astype(np.float64), axis=0).astype(np.float32)")
        code.add(f"{inputs} = np.where(np.isnan(x), fill, x)")
    mixed = is_mixed(plan.table)
    if data.standardize and not (
        mixed and plan.table and all(one.kind not in ("number", "date") for one in plan.table.columns)
    ):
        scaled = _reassigned(folds, "scaled", inputs)
        code.gap()
        code.note("Mean 0 and standard deviation 1, measured on the training part alone.")
        code.add(f"known = {inputs}[train].astype(np.float64)")
        if plan.image_shape is not None:
            code.note("One mean and one deviation for all pixels, so that a picture still looks like one.")
            code.add("known = known.reshape(-1, 1)")
        code.add("x_mean = known.mean(axis=0).astype(np.float32)")
        code.add("x_std = known.std(axis=0).astype(np.float32)")
        code.add("x_std[x_std == 0] = 1  # what never varies is shifted only")
        code.add(f"{scaled} = (({inputs}.astype(np.float64) - x_mean) / x_std).astype(np.float32)")
        inputs = scaled
    if mixed:
        encoded_code(code, plan, inputs, encoded := _reassigned(folds, "encoded", "x"))
        inputs = encoded
    if not plan.classes:
        scaled = _reassigned(folds, "scaled_y", targets)
        code.gap()
        code.note("The target too; errors are given in its own unit again, by y_std.")
        code.add("known = y[train].astype(np.float64)")
        code.add("y_mean, y_std = known.mean(), float(known.std().astype(np.float32)) or 1.0")
        code.add(f"{scaled} = ((y.astype(np.float64) - y_mean) / y_std).astype(np.float32)")
        targets = scaled
    elif plan.loss == "bce":
        scaled = _reassigned(folds, "labels", targets)
        code.add(f"{scaled} = y.astype(np.float32)  # as binary cross-entropy wants it")
        targets = scaled
    code.gap()
    for short, rows in (("train", "train"), ("val", "validation"), ("test", "test")):
        for name, values in (("x", inputs), ("y", targets)):
            code.add(f"{name}_{short} = torch.from_numpy({values}[{rows}]){plan.to_device}")


def _reassigned(again: bool, name: str, values: str) -> str:
    """The name of changed values: the same one, except where the unchanged ones are needed again."""
    return name if again else values
