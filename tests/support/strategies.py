"""Hypothesis strategies, made from the declarations themselves so that a new knob or event is covered as it appears."""

from __future__ import annotations

import dataclasses
import math
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from engine import RunConfig, catalogue
from engine.config.keywords import keywords_text
from engine.config.model import SEQUENTIAL
from engine.configfile import check
from engine.data.catalogue import card
from engine.events import Event
from engine.knobs import Knob, knobs
from engine.measures import loss_fault, monitor_fault

# Any text that a TOML file and a command line can both carry; a null byte is refused everywhere.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_BIG = 10**12
_PLAIN = st.booleans() | st.integers(-_BIG, _BIG) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
KEYWORDS = st.dictionaries(
    st.sampled_from(["width", "depth", "name", "class_", "größe"]),
    _PLAIN | st.lists(_PLAIN, max_size=3) | st.dictionaries(TEXT, _PLAIN, max_size=2),
    max_size=4,
)
"""Keyword arguments as a TOML file has them."""


def knob_values(row: Knob) -> st.SearchStrategy[Any]:
    """Values of a knob that are valid on their own."""
    return st.none() | _set_values(row) if row.optional else _set_values(row)


def _set_values(row: Knob) -> st.SearchStrategy[Any]:
    match row.kind:
        case "bool":
            return st.booleans()
        case "choice":
            return st.sampled_from(row.choices)
        case "int":
            low, high = math.ceil(row.low or 0), _BIG if row.high is None else math.floor(row.high)
            return st.integers(low + (row.low_open and low == row.low), high - (row.high_open and high == row.high))
        case "float":
            high = 1e6 if row.high is None else row.high
            low = -1e6 if row.low is None else row.low
            return st.floats(low, high, exclude_min=row.low_open, exclude_max=row.high_open)
        case "ints":
            return st.lists(st.integers(1, 65536), min_size=1, max_size=8).map(tuple)
        case "names":
            return st.lists(TEXT.map(str.strip).filter(bool), max_size=4).map(tuple)
        case "text":
            return text_values(row)
        case "table":
            return KEYWORDS.map(keywords_text)


def text_values(row: Knob) -> st.SearchStrategy[str]:
    """Text of a knob: without spaces around it, which a form strips."""
    if row.key == "data.source":
        names = [*(card.name for card in catalogue()), "mypkg.data:make", "path/to/data.py:make"]
        return st.sampled_from(names) | TEXT.map(lambda text: f"{text.strip()}x.csv")
    if row.key == "model.path":
        return st.sampled_from(["mypkg.nets:Net", "path/to/nets.py:Net", "timm:create_model"])
    if row.key in ("optimizer.extra", "schedule.extra"):
        return st.lists(st.sampled_from(["new=1", "other = 0.5", "third=true"]), max_size=3).map(", ".join)
    shortest = 1 if row.key in ("run.folder", "data.target") else 0
    return TEXT.map(str.strip).filter(lambda text: len(text) >= shortest)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """Random valid configurations, each knob that has a meaning drawn from all its values."""
    values: dict[str, Any] = {row.key: row.default for row in knobs()}
    for row in knobs():
        # In order of declaration, so that what a knob's visibility and default hang on is drawn before it.
        values[row.key] = row.default_for(values)
        if row.visible(values) and (row.key == "data.target" or draw(st.booleans())):
            values[row.key] = draw(knob_values(row))
    shares = values["data.validation"] + values["data.test"]
    if shares >= 1:
        values["data.validation"], values["data.test"] = 0.2, 0.1
    values["model.kernel"] |= 1
    _fit_the_steps(values)
    if values["model.kind"] == "cnn":
        values["data.source"] = "digits"
    if values["model.kind"] in SEQUENTIAL:
        values["data.source"] = "waves"
        values["model.width"] = max(1, values["model.width"] // values["model.heads"]) * values["model.heads"]
    if values["model.kind"] == "custom":
        values["model.path"] = values["model.path"] or "mypkg.nets:Net"
        if values["model.inputs"] == "tokens":
            values["data.standardize"] = False
            values |= dict.fromkeys(
                ["regularization.input_noise", "regularization.input_dropout", "regularization.mixup"], 0.0
            )
    if values["data.text"] and values["data.missing"] in ("mean", "median"):
        values["data.missing"] = "drop"
    _fit_the_task(values)
    nested: dict[str, dict[str, Any]] = {}
    for row in knobs():
        if row.visible(values):
            nested.setdefault(row.section, {})[row.key.split(".", 1)[1]] = values[row.key]
    config, faults = check(nested)
    assert config is not None, faults
    return config


def _fit_the_steps(values: dict[str, Any]) -> None:
    """Bring the settings of optimizer and schedule that do not go together into agreement."""
    for low in ("schedule.min_lr", "schedule.base_lr"):
        values[low] = min(values[low], values["optimizer.lr"])
    values["optimizer.step_min"] = min(values["optimizer.step_min"], values["optimizer.step_max"])
    values["schedule.warmup"] = min(values["schedule.warmup"], values["run.epochs"] - 1)
    if values["schedule.name"] == "cyclic" and values["schedule.base_lr"] == 0:
        values["schedule.warmup"] = 0
    if values["schedule.three_phase"]:
        values["schedule.pct_start"] = min(values["schedule.pct_start"], 0.5)
    if values["optimizer.name"] == "lbfgs":
        values["run.batch_size"] = 0


def _fit_the_task(values: dict[str, Any]) -> None:
    """Put a loss and a measure that belong to another task back to auto."""
    known = card(values["data.source"])
    task, classes = (known.task, known.classes) if known else (values["data.task"], None)
    if task != "auto" and loss_fault(values["loss.name"], task, classes):
        values["loss.name"] = "auto"
    if task != "auto" and monitor_fault(values["early_stopping.monitor"], task, classes):
        values["early_stopping.monitor"] = "loss"


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Random events of one kind, NaN and infinities among their floats."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{item.name: _values(hints[item.name]) for item in dataclasses.fields(kind)})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if hint is float:
        return st.floats(allow_nan=True, allow_infinity=True)
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(0, 10**9)
    if hint is str:
        return st.text(max_size=12)
    if get_origin(hint) is UnionType:
        return st.none() | _values(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if dataclasses.is_dataclass(hint):
        parts = get_type_hints(hint)
        return st.builds(hint, **{item.name: _values(parts[item.name]) for item in dataclasses.fields(hint)})
    if get_origin(hint) is dict:
        inner = get_args(hint)[1]
        value = _plain_json() if inner is Any else _values(inner)
        return st.dictionaries(st.text(max_size=6), value, max_size=3)
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if inner[-1] is ...:
            return st.lists(_values(inner[0]), max_size=3).map(tuple)
        return st.tuples(*map(_values, inner))
    raise TypeError(f"no strategy for {hint!r}: add it here")


def _plain_json() -> st.SearchStrategy[Any]:
    """A section of settings: what JSON carries without help."""
    leaf = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    return st.dictionaries(st.text(max_size=6), leaf | st.text(max_size=6) | st.lists(leaf, max_size=3), max_size=3)
