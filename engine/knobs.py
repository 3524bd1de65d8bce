"""RunConfig as rows: what the form, the flags, the help screens and the tables in the documentation loop over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .config import RunConfig, When
from .config.declare import Live, names_of, names_text
from .config.keywords import keywords_of, keywords_text


def bound_text(value: float) -> str:
    """A bound as a person writes it: ``1000000`` and not ``1e+06``."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e12 else f"{value:g}"


Kind = Literal["int", "float", "bool", "choice", "text", "ints", "names", "table"]


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob, ready to be shown.

    key is its place (``optimizer.lr``: section and name), group the heading it stands under, kind how it is edited, choices the
    values of a choice. low and high are bounds (None: unbounded), and low_open and high_open say whether the bound itself is excluded.
    log: best changed by factors. when: the conditions, all of which must hold for the knob to mean anything. optional: the
    value may be None, which is written as an empty text, and in TOML by leaving the knob out. defaults: what the default is
    for those choices of the section's ``name`` that have another. live: changes at the next ``batch`` or ``epoch`` of a run under
    way; "" when it needs a new run.
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
    optional: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    live: Live = ""
    section: str = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        section, _, name = self.key.partition(".")
        object.__setattr__(self, "section", section)
        object.__setattr__(self, "name", name)

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

    def default_for(self, values: Mapping[str, Any]) -> Any:
        """The default, given the values of all knobs by key: each optimizer has its own."""
        if not self.defaults:
            return self.default
        choice = values.get(f"{self.section}.name")
        return self.defaults.get(choice, self.default) if isinstance(choice, str) else self.default

    def default_words(self) -> str:
        """Every default in words: ``0.0; 0.01 for adamw; 0.1 for muon``."""
        choices: dict[str, list[str]] = {}
        for choice, value in self.defaults.items():
            choices.setdefault(show(self, value), []).append(choice)
        own = (f"{text} for {', '.join(names)}" for text, names in choices.items())
        return "; ".join([show(self, self.default), *own])

    def visible(self, values: Mapping[str, Any]) -> bool:
        """Whether the knob means anything, given the values of all knobs by key."""
        for condition in self.when:  # noqa: SIM110  -- twice as fast, and the form asks this of every knob at every key
            if not condition.holds(values):
                return False
        return True


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
        return ("names" if _of_names(annotation) else "ints"), ()
    raise TypeError(f"no form field for a knob of type {annotation!r}")


def _of_names(annotation: Any) -> bool:
    """Whether it is a tuple of texts; its items are annotated with bounds of their own."""
    item = get_args(annotation)[0]
    return (get_args(item)[0] if get_origin(item) is Annotated else item) is str


def _required(annotation: Any) -> tuple[Any, bool]:
    """The type without None, and whether None was among its alternatives."""
    parts = get_args(annotation)
    if get_origin(annotation) is UnionType and NoneType in parts and len(parts) == 2:
        return next(part for part in parts if part is not NoneType), True
    return annotation, False


def _knob(section: str, group: str, name: str, field: FieldInfo) -> Knob:
    annotation, optional = _required(field.annotation)
    kind, choices = _kind(annotation)
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
    defaults: Any = extra["defaults"]
    live: Any = extra["live"]
    return Knob(
        key=f"{section}.{name}",
        group=group,
        label=field.title or name,
        help=field.description or "",
        kind="table" if extra["table"] else kind,
        default=field.default,
        unit=str(extra["unit"]),
        choices=choices,
        log=bool(extra["log"]),
        when=conditions,
        optional=optional,
        defaults=defaults,
        live=live,
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
    return {row.key: getattr(getattr(config, row.section), row.name) for row in knobs()}


def with_defaults(nested: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The value of every knob by key: what `nested` says, and the default that belongs to its choices for the rest."""
    found: dict[str, Any] = {}
    for row in knobs():  # the choice that a default hangs on comes first in its section
        given = nested.get(row.section, {})
        found[row.key] = given[row.name] if row.name in given else row.default_for(found)
    return found


def visible(current: Mapping[str, Any]) -> Iterator[Knob]:
    """The knobs that mean something under the given values, in order."""
    return (row for row in knobs() if row.visible(current))


def show(row: Knob, value: Any) -> str:
    """The value of a knob as a person would type it: ``0.001``, ``128, 64``, ``on``."""
    if value is None:
        return ""
    if row.kind == "bool":
        return "on" if value else "off"
    if row.kind == "ints":
        return ", ".join(map(str, value))
    if row.kind == "names":
        return names_text(value)
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
    if row.optional and text.lower() in ("", "none"):
        return None
    if row.kind == "table":
        return keywords_text(keywords_of(text))
    if row.kind in ("text", "choice"):
        return text
    if row.kind == "names":
        return names_of(text)
    if row.kind == "bool":
        if text.lower() in _ON | _OFF:
            return text.lower() in _ON
        raise ValueError(f"must be on or off, got {text!r}")
    if row.kind == "ints":
        inner = text.strip("[]() ")
        try:
            parts = [part.split() for part in inner.removesuffix(",").split(",")] if inner else []
            if any(not part for part in parts):  # 128,,64 may be a slip for anything
                raise ValueError
            return tuple(int(number) for part in parts for number in part)
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
