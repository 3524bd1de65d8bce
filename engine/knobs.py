"""RunConfig as rows: what the form, the flags, the help screens and the tables in the documentation loop over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .config import RunConfig, When


def bound_text(value: float) -> str:
    """A bound as a person writes it: ``1000000`` and not ``1e+06``."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e12 else f"{value:g}"


Kind = Literal["int", "float", "bool", "choice", "text", "ints"]


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob, ready to be shown.

    key is its place (``optimizer.lr``), group the heading it stands under, kind how it is edited, choices the values of a
    choice. low and high are bounds (None: unbounded), and low_open and high_open say whether the bound itself is excluded.
    log: best changed by factors. when: the conditions, all of which must hold for the knob to mean anything.
    """

    key: str
    group: str
    label: str
    help: str
    kind: Kind
    default: Any
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    log: bool = False
    when: tuple[When, ...] = ()

    @property
    def section(self) -> str:
        return self.key.split(".", 1)[0]

    @property
    def summary(self) -> str:
        """The first sentence of the help."""
        head, stop, _ = self.help.partition(". ")
        return head + "." if stop else self.help

    def bounds(self) -> str:
        """The bounds in words, such as ``> 0, <= 1000``, or "" when there are none."""
        parts = []
        if self.low is not None:
            parts.append(f"{'>' if self.low_open else '>='} {bound_text(self.low)}")
        if self.high is not None:
            parts.append(f"{'<' if self.high_open else '<='} {bound_text(self.high)}")
        return ", ".join(parts)

    def visible(self, values: Mapping[str, Any]) -> bool:
        """Whether the knob means anything, given the values of all knobs by key."""
        return all(condition.test(values.get(condition.key)) for condition in self.when)


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", tuple(get_args(annotation))
    if annotation is bool:
        return "bool", ()
    if annotation is int:
        return "int", ()
    if annotation is float:
        return "float", ()
    if annotation is str:
        return "text", ()
    if get_origin(annotation) is tuple:
        return "ints", ()
    raise TypeError(f"no form field for a knob of type {annotation!r}")


def _knob(section: str, group: str, name: str, field: FieldInfo) -> Knob:
    kind, choices = _kind(field.annotation)
    bounds: dict[str, Any] = {}
    for item in field.metadata:
        for attribute, side, is_open in (
            ("gt", "low", True), ("ge", "low", False), ("lt", "high", True), ("le", "high", False),
        ):  # fmt: skip
            if (value := getattr(item, attribute, None)) is not None:
                bounds[side], bounds[f"{side}_open"] = value, is_open
    extra = field.json_schema_extra
    assert isinstance(extra, dict), f"{section}.{name} is not declared with knob()"
    conditions: Any = extra["when"]
    return Knob(
        key=f"{section}.{name}",
        group=group,
        label=field.title or name,
        help=field.description or "",
        kind=kind,
        default=field.default,
        unit=str(extra["unit"]),
        choices=choices,
        log=bool(extra["log"]),
        when=conditions,
        **bounds,
    )


@cache
def knobs() -> tuple[Knob, ...]:
    """Every knob, in the order of declaration."""
    rows = []
    for section, section_field in RunConfig.model_fields.items():
        model = section_field.annotation
        assert isinstance(model, type) and issubclass(model, BaseModel)
        group = (model.__doc__ or section).strip()
        rows += [_knob(section, group, name, field) for name, field in model.model_fields.items()]
    return tuple(rows)


@cache
def knob_by_key() -> dict[str, Knob]:
    """Every knob by its key."""
    return {row.key: row for row in knobs()}


def values(config: RunConfig) -> dict[str, Any]:
    """The value of every knob of `config`, by key."""
    return {row.key: getattr(getattr(config, row.section), row.key.split(".", 1)[1]) for row in knobs()}


def visible(current: Mapping[str, Any]) -> Iterator[Knob]:
    """The knobs that mean something under the given values, in order."""
    return (row for row in knobs() if row.visible(current))


def show(row: Knob, value: Any) -> str:
    """The value of a knob as a person would type it: ``0.001``, ``128, 64``, ``on``."""
    if row.kind == "bool":
        return "on" if value else "off"
    if row.kind == "ints":
        return ", ".join(map(str, value))
    if row.kind == "float" and isinstance(value, float):
        return repr(value)
    return str(value)


_ON = frozenset(["on", "true", "yes", "1"])
_OFF = frozenset(["off", "false", "no", "0"])


def parse(row: Knob, text: str) -> Any:
    """What a person typed into a field or after ``--set key=``, as a value for the configuration.

    The value is converted but not checked against the bounds: validation does that and words the fault. Raises ValueError,
    whose text completes "…: ", when the text cannot be read as this kind of value at all.
    """
    text = text.strip()
    if row.kind in ("text", "choice"):
        return text
    if row.kind == "bool":
        if text.lower() in _ON | _OFF:
            return text.lower() in _ON
        raise ValueError(f"must be on or off, got {text!r}")
    if row.kind == "ints":
        inner = text.strip("[]() ")
        try:
            return tuple(int(part) for part in inner.replace(",", " ").split())
        except ValueError:
            raise ValueError(f"must be whole numbers such as 128, 64, got {text!r}") from None
    if row.kind == "int":
        try:
            number = float(text) if "e" in text.lower() else int(text)
            if number != int(number):
                raise ValueError
            return int(number)
        except (ValueError, OverflowError):
            raise ValueError(f"must be a whole number, got {text!r}") from None
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"must be a number, got {text!r}") from None
