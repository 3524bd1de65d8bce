"""The part of a program that makes inputs of columns that are not all numbers: yes and no, and categories."""

from __future__ import annotations

from collections.abc import Sequence

from ..config import RunConfig
from ..data.cells import flaw_of
from ..data.preprocess import Preprocess
from ..data.splits import Split
from ..data.table import Table
from ..errors import config_error
from .lines import Code, literal
from .plan import Plan


def is_mixed(table: Table | None) -> bool:
    """Whether there are columns that are not numbers."""
    return table is not None and any(column.kind != "number" for column in table.columns)


def features_of(table: Table, splits: Sequence[Split], config: RunConfig) -> int:
    """How many inputs the columns become. Raises ConfigError for what a program does not do."""
    data = config.data
    if data.missing in ("mean", "median"):
        problem = "a script does not fill in what is missing where there are columns of text"
        raise config_error("data.missing", problem, "use drop, or leave those columns out with data.ignore")
    sizes = {len(Preprocess.fit(table, split.train, data).features) for split in splits}
    if len(sizes) > 1:
        problem = "the training parts of the folds differ in their categories, and a script makes one net for all"
        raise config_error("data.source", problem, "leave out columns with rare values with data.ignore")
    return sizes.pop()


def columns_code(code: Code, plan: Plan) -> None:
    """The columns by name, and those of numbers and dates as x (rows, numbers)."""
    table = plan.table
    assert table is not None
    numbers = [column.name for column in table.columns if column.kind in ("number", "date")]
    dates = [column for column in table.columns if column.kind == "date"]
    if dates:
        _days_code(code, plan)
    code.add("columns = {")
    code.deepen()
    code.add("name.strip(): np.array([row[place].strip() for row in rows])")
    code.add("for place, name in enumerate(header)")
    code.close()
    code.add("}")
    for column in dates:
        order, name, first = _ORDERS[column.form], literal(column.name), column.origin
        code.add(f"days = [days_of(cell, {order}) for cell in columns[{name}]]")
        code.add(f"columns[{name}] = np.array(days) - {first!r}  # the first one")
    if numbers:
        code.table("numbers = ", [literal(name) for name in numbers])
        code.add(
            "x = np.column_stack([columns[name].astype(np.float64) for name in numbers])",
            "x = x.astype(np.float32)",
        )
    else:
        code.add("numbers = []", "x = np.empty((len(rows), 0), dtype=np.float32)")


_ORDERS = {"iso": (0, 1, 2), "dmy": (2, 1, 0), "mdy": (2, 0, 1)}
"""Where year, month and day stand in a date of each form."""


def _days_code(code: Code, plan: Plan) -> None:
    """A function that reads dates as engine.data.kinds does."""
    plan.use("import re", "from datetime import datetime, timezone")
    code.gap(2)
    code.open("def days_of(cell, order):")
    code.add('"""Days since 1970 in UTC, the time of day as a fraction."""')
    code.add('day, time, zone = re.fullmatch(r"([^T ]+)(?:[T ]([\\d:.]+)\\s*(\\S*))?", cell).groups()')
    code.add('numbers = re.split("[-./]", day)')
    code.add("year, month, day = (int(numbers[place]) for place in order)")
    code.add('time = time or "00:00"')
    code.open('if time[1] == ":":')
    code.add('time = "0" + time')
    code.close()
    code.add("text = f\"{year:04}-{month:02}-{day:02}T{time}{zone or ''}\"")
    code.add("moment = datetime.fromisoformat(text)")
    code.open("if moment.tzinfo is None:")
    code.add("moment = moment.replace(tzinfo=timezone.utc)")
    code.close()
    code.add("return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() / 86400")
    code.close()
    code.gap(2)


def encoded_code(code: Code, plan: Plan, inputs: str, name: str) -> None:
    """All inputs in the order of the columns, as `name`; `inputs` are those that are numbers, scaled or not."""
    table = plan.table
    assert table is not None
    code.gap()
    code.note("An input for each value that the training part has, in the order of the columns.")
    code.add("parts = []")
    kinds = {column.kind for column in table.columns}
    code.table("order_of_inputs = ", [literal(column.name) for column in table.columns])
    code.open("for column in order_of_inputs:")
    code.add("values = columns[column]")
    word = "if"
    if kinds & {"number", "date"}:
        code.open("if column in numbers:")
        code.add(f"parts.append({inputs}[:, numbers.index(column), None])")
        code.close()
        word = "elif"
    if "boolean" in kinds:
        yes = [literal(one.name) for one in table.columns if one.kind == "boolean"]
        code.open(f"{word} column in [{', '.join(yes)}]:")
        code.add('yes = np.isin(np.char.lower(values), ["true", "yes", "t", "y", "on"])')
        code.add("parts.append(yes[:, None].astype(np.float32))")
        code.close()
        word = "elif"
    if "category" in kinds:
        if word == "elif":
            code.open("else:")
        code.add("known = np.unique(values[train])")
        if numeric := [
            one.name for one in table.columns if one.values and all(flaw_of(cell) is None for cell in one.values)
        ]:
            code.open(f"if column in [{', '.join(map(literal, numeric))}]:")
            code.add("known = np.array(sorted(known, key=lambda cell: (float(cell), cell)))")
            code.close()
        code.add("parts.append((values[:, None] == known).astype(np.float32))")
        if word == "elif":
            code.close()
    code.close()
    code.add(f"{name} = np.hstack(parts)")
