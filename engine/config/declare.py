"""How a knob is declared: its field, the conditions under which it means anything, and the section it stands in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..data.catalogue import card, is_called, is_file, is_folder, is_table, library_of
from ..torchtable import Family, table

Live = Literal["", "batch", "epoch"]


@dataclass(frozen=True, slots=True)
class When:
    """The condition under which a knob means anything: `test` holds for the value of knob `key`, or one of `others` holds.

    `words` says it.
    """

    key: str
    test: Callable[[Any], bool]
    words: str
    others: tuple[When, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every knob that the condition looks at."""
        return (self.key, *(key for other in self.others for key in other.keys))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition is met, given the values of all knobs by key."""
        if self.test(values.get(self.key)):
            return True
        return bool(self.others) and any(other.holds(values) for other in self.others)


def chosen(key: str, *names: str) -> When:
    """The knob counts when the choice `key` is one of `names`."""
    return When(key, lambda value: value in names, f"{key} is {' or '.join(names)}")


def switched_on(key: str) -> When:
    """The knob counts when the switch `key` is on."""
    return When(key, lambda value: value is True, f"{key} is on")


def above_zero(key: str) -> When:
    """The knob counts when the number `key` is not 0."""
    return When(key, lambda value: isinstance(value, int | float) and value > 0, f"{key} > 0")


def either(first: When, *others: When) -> When:
    """The knob counts when any of the conditions holds."""
    return When(first.key, first.test, " or ".join(condition.words for condition in (first, *others)), others)


def knob(
    default: Any,
    *,
    label: str,
    help: str,
    unit: str = "",
    when: When | Sequence[When] = (),
    log: bool = False,
    defaults: Mapping[str, Any] | None = None,
    live: Live = "",
    table: bool = False,
    **bounds: Any,
) -> Any:
    """A pydantic field with what a form and a help screen need.

    label: two or three words. help: two or three sentences, the first of which can stand alone. unit: of the value, or "".
    when: conditions that must all hold for the knob to mean anything. log: the value is best changed by factors, not by
    steps (learning rates, penalties). defaults: what takes the place of `default` for some choices of the section's ``name``: each
    optimizer has its own. live: whether it can be changed while a run trains, at the next ``batch`` or the next ``epoch``; a new
    run is needed for the others. table: the value is keyword arguments (engine.config.keywords). bounds: ``gt``, ``ge``, ``lt``, ``le`` and the like, as pydantic has them.
    """
    conditions = (when,) if isinstance(when, When) else tuple(when)
    extra: dict[str, Any] = {
        "unit": unit,
        "log": log,
        "when": conditions,
        "defaults": dict(defaults or {}),
        "live": live,
        "table": table,
    }
    return Field(default, title=label, description=help, json_schema_extra=extra, **bounds)


def _listed(value: Any) -> Any:
    """TOML has lists, a frozen config has tuples."""
    return tuple(value) if isinstance(value, list) else value


def torch_knob(
    family: Family,
    name: str,
    *,
    of: Callable[[Any], Any] = float,
    ours: Mapping[str, Any] | None = None,
    when: When | Sequence[When] = (),
    **rest: Any,
) -> Any:
    """A knob for an argument of torch's optimizers or schedulers, visible for those that have it, with torch's defaults.

    of: the type of its values. ours: defaults of our own, where torch has none or another suits better here. The rest goes
    to `knob`.
    """
    section = "optimizer" if family == "optimizers" else "schedule"
    names = table().having(family, name)
    merged = {**table().defaults(family, name), **(ours or {})}
    defaults = {choice: of(merged[choice]) for choice in names}
    everywhere = "adam" if "adam" in defaults else "sgd" if "sgd" in defaults else next(iter(defaults))
    conditions = [when] if isinstance(when, When) else list(when)
    if name != "lr":  # which all of them have, so that it depends on nothing
        conditions.insert(0, chosen(f"{section}.name", *names))
    others = {choice: value for choice, value in defaults.items() if value != defaults[everywhere]}
    if family == "schedulers":
        rest.setdefault("live", "batch")  # a schedule can be exchanged for another, so each of its knobs can change
    return knob(defaults[everywhere], when=conditions, defaults=others, **rest)


def names_of(text: str) -> tuple[str, ...]:
    """Names with commas between them; one that has a comma itself stands in double quotes. Raises ValueError."""
    try:
        cells = next(csv.reader(io.StringIO(text.strip(), newline=""), skipinitialspace=True, strict=True), [])
    except csv.Error:
        raise ValueError("must be names with commas between them, those with a comma in double quotes") from None
    return tuple(name for cell in cells if (name := cell.strip()))


def names_text(names: Sequence[str]) -> str:
    """What `names_of` reads as these names."""
    if not any(mark in name for name in names for mark in ',"\r\n'):
        return ", ".join(names)
    written = io.StringIO()
    # The end of a line is what the writer knows to be put in quotes.
    csv.writer(written, lineterminator="\r\n").writerow(names)
    return written.getvalue().removesuffix("\r\n")


def _separated(value: Any) -> Any:
    """Names may be written as a list or as one text."""
    return names_of(value) if isinstance(value, str) else _listed(value)


Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_separated)]
Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], BeforeValidator(_listed)]


class Section(BaseModel):
    """A group of knobs. The docstring of each subclass is the heading above its knobs in the form."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_choice(cls, given: Any) -> Any:
        """Fill in what is not given where the default depends on the choice `name`."""
        if not isinstance(given, Mapping) or "name" not in cls.model_fields:
            return given
        choice = given.get("name", cls.model_fields["name"].default)
        filled = dict(given)
        for name, field in cls.model_fields.items():
            extra = field.json_schema_extra
            defaults: Any = extra["defaults"] if isinstance(extra, dict) else {}
            if name not in filled and isinstance(choice, str) and choice in defaults:
                filled[name] = defaults[choice]
        return filled


IS_CALLED = When(
    "data.source",
    lambda value: isinstance(value, str) and is_called(value),
    "data.source is code of your own or a library's dataset",
)
IS_HUGGINGFACE = When(
    "data.source",
    lambda value: isinstance(value, str) and library_of(value) == "huggingface",
    "data.source is a dataset of Hugging Face",
)
IS_LIBRARY = When(
    "data.source",
    lambda value: isinstance(value, str) and bool(library_of(value)),
    "data.source is a library's dataset",
)
IS_FILE = When(
    "data.source",
    lambda value: isinstance(value, str) and is_file(value) and not value.endswith("/"),
    "data.source is a file",
)
IS_FOLDER = When("data.source", lambda value: isinstance(value, str) and is_folder(value), "data.source is a folder")
HAS_PICTURES = When(
    "data.source",
    lambda value: (
        isinstance(value, str) and ((known := card(value)) is None or known.shape is not None) and not is_table(value)
    ),
    "data.source has pictures",
)
IS_GENERATED = When(
    "data.source",
    lambda value: isinstance(value, str) and (known := card(value)) is not None and known.generated,
    "data.source is a generated set",
)

_TEXT_SET = When(
    "data.source",
    lambda value: isinstance(value, str) and (known := card(value)) is not None and known.text,
    "data.source is a set of texts",
)
IS_TABLE = When(
    "data.source", lambda value: isinstance(value, str) and is_table(value), "data.source is a file of rows with names"
)
HAS_TEXT = (
    When("data.source", IS_TABLE.test, "data.source may hold texts", (IS_HUGGINGFACE, _TEXT_SET)),
    When("data.text", bool, "data.text names a column, or data.source is a set of texts", (_TEXT_SET,)),
)
"""The model reads texts, word by word: those of a column, or a built-in set."""

NO_TEXT = (
    When("data.source", lambda value: not _TEXT_SET.test(value), "data.source is no set of texts"),
    When(
        "data.text",
        lambda value: not value,
        "data.text is empty",
        (
            When(
                "data.source",
                lambda value: not (IS_TABLE.test(value) or IS_HUGGINGFACE.test(value)),
                "data.source is no table",
            ),
        ),
    ),
)
"""The inputs are numbers, not words."""

ONE_SPLIT = chosen("trials.kind", "single", "restarts")

HAS_CLASSES = When(
    "data.source",
    lambda value: isinstance(value, str) and ((known := card(value)) is None or known.task == "classification"),
    "data.source has classes",
)
