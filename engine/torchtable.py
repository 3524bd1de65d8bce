"""What torch's optimizers and schedulers can be told, from a table that needs no torch.

The form has to know the fields of every optimizer before torch is imported. `python -m engine.torchsignatures` writes
``torch_table.json`` beside this file from the installed torch; a test says when the two differ. The table holds, per optimizer
(`torch.optim`) and per scheduler (`torch.optim.lr_scheduler`), torch's arguments with torch's defaults, each under the name of
the knob that sets it: an argument that is a pair of numbers has a knob for each. What cannot serve here stands in it too, with
the reason.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Family = Literal["optimizers", "schedulers"]

FILE = Path(__file__).with_name("torch_table.json")

STAND_INS: Mapping[str, Any] = {
    "max_eval": 0,
    "line_search_fn": "none",
    "eps1": 0.0,
    "step_size_down": 0,
}
"""The value of a knob that stands for torch's None, which neither TOML nor a form can hold."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An optimizer or a scheduler.

    cls: the name of torch's class. arguments: for each of its arguments the knobs that set it, with torch's defaults; more than
    one knob makes a tuple; None where torch has no default or None. from_run: arguments that follow from the rest of the
    configuration, each with the reason.
    """

    cls: str
    arguments: Mapping[str, Mapping[str, Any]]
    from_run: Mapping[str, str]

    @property
    def knobs(self) -> dict[str, Any]:
        """Torch's default for each knob."""
        return {knob: default for parts in self.arguments.values() for knob, default in parts.items()}


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table. left_out: arguments that are not offered, unusable: classes that are not; each with the reason."""

    torch: str
    optimizers: Mapping[str, Entry]
    schedulers: Mapping[str, Entry]
    left_out: Mapping[str, str]
    unusable: Mapping[str, str]

    def having(self, family: Family, knob: str) -> tuple[str, ...]:
        """The optimizers or schedulers that have this knob."""
        return tuple(name for name, entry in getattr(self, family).items() if knob in entry.knobs)

    def defaults(self, family: Family, knob: str) -> dict[str, Any]:
        """Torch's default of a knob for each that has it and a default; None is given as its stand-in."""
        found = {name: getattr(self, family)[name].knobs[knob] for name in self.having(family, knob)}
        found = {name: STAND_INS.get(knob) if value is None else value for name, value in found.items()}
        return {name: value for name, value in found.items() if value is not None}


@cache
def table() -> Table:
    """The table in the repository."""
    raw = json.loads(FILE.read_text("utf-8"))
    families = {
        family: {name: Entry(row["class"], row["arguments"], row["from_run"]) for name, row in raw[family].items()}
        for family in ("optimizers", "schedulers")
    }
    return Table(raw["torch"], **families, left_out=raw["left_out"], unusable=raw["unusable"])


def extra_options(text: str) -> dict[str, Any]:
    """The options in a text such as ``foreach_size=4, mode=fast, exact=true``: numbers, true, false, none and words.

    Raises ValueError, whose text completes "…: ", when the text is no such list.
    """
    options: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name.isidentifier() or not value:
            raise ValueError(f"must be name=value, name=value; got {part!r}")
        options[name] = _option(value)
    return options


def _option(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def reason_left_out(cls: str, argument: str, left_out: Mapping[str, str]) -> str | None:
    """Why an argument of torch's class `cls` is not offered, or None when it is."""
    return left_out.get(f"{cls}.{argument}") or left_out.get(argument)
