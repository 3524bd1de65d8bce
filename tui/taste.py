"""How a person likes the charts: layout, axes, which ones. Kept from one start to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .panels import SMOOTHINGS
from .xaxis import UNITS, Unit

Layout = Literal["", "one", "two", "grid"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
PLACES: dict[Layout, int] = {"": 1, "one": 1, "two": 2, "grid": 4}
"""How many charts a layout has."""

_MOST_KEPT = 200  # names of charts in a list; more are not a person's doing


@dataclass(frozen=True, slots=True)
class Taste:
    """layout: "" goes by the room there is. log_y: keys of charts with a logarithmic y axis. chosen: the keys of the charts in
    sight, in the order of their places; "" is what comes next.
    """

    layout: Layout = ""
    unit: Unit = "epoch"
    log_x: bool = False
    log_y: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    smoothing: str = "auto"

    def as_kept(self) -> dict[str, Any]:
        """As JSON can carry it."""
        return {name: getattr(self, name) for name in self.__slots__}


def taste_of(kept: Any) -> Taste:
    """What was kept, as far as it still means something."""
    if not isinstance(kept, Mapping):
        return Taste()
    layouts: list[Layout] = [one for one in LAYOUTS if one == kept.get("layout")]
    units: list[Unit] = [one for one in UNITS if one == kept.get("unit")]
    return Taste(
        layout=layouts[0] if layouts else "",
        unit=units[0] if units else "epoch",
        log_x=kept.get("log_x") is True,
        log_y=_names(kept.get("log_y")),
        chosen=_names(kept.get("chosen"))[:4],
        smoothing=next((one for one in SMOOTHINGS if one == kept.get("smoothing")), "auto"),
    )


def _names(found: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in found[:_MOST_KEPT]) if isinstance(found, list | tuple) else ()


def fitting(layout: Layout, width: int, height: int) -> Layout:
    """The layout itself where charts are readable in it, else the next smaller one; for "" what the room suggests."""
    if layout == "":
        roomy = width >= SIDE_BY_SIDE or height >= 2 * _TALL
        return "two" if roomy and _fits("two", width, height) else "one"
    return next(one for one in LAYOUTS[LAYOUTS.index(layout) : 0 : -1] if one == "one" or _fits(one, width, height))


def layouts_there(width: int, height: int) -> list[Layout]:
    """The layouts that charts are readable in."""
    return [one for one in LAYOUTS[1:] if one == "one" or _fits(one, width, height)]


SIDE_BY_SIDE = 110  # cells; from here on two charts stand side by side rather than above each other
_NARROW = 36  # cells; the least that a chart is readable in
_LOW, _TALL = 8, 12  # rows: the least, and enough


def columns_of(layout: Layout, width: int, height: int) -> int:
    """How many charts stand side by side."""
    if layout == "two":
        return 2 if width >= SIDE_BY_SIDE or (height < 2 * _TALL and width >= 2 * _NARROW) else 1
    return 2 if layout == "grid" else 1


def _fits(layout: Layout, width: int, height: int) -> bool:
    across = columns_of(layout, width, height)
    return width >= across * _NARROW and height >= PLACES[layout] // across * _LOW
