"""The characters and colours of charts. Series differ by character in every charset, so that no one needs the colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.style import Style


@dataclass(frozen=True)
class Marker:
    """How a line is made of characters: each cell has `wide` x `tall` pixels, and those that are set choose its character.

    weights: of the pixels of a cell, from the top; characters: by the sum of the weights of those that are set.
    """

    wide: int
    tall: int
    weights: tuple[tuple[int, ...], ...]
    characters: str

    @property
    def table(self) -> npt.NDArray[np.uint32]:
        """Code points by sum of weights."""
        return np.array([ord(char) for char in self.characters], np.uint32)


BRAILLE = Marker(2, 4, ((1, 8), (2, 16), (4, 32), (64, 128)), "".join(chr(0x2800 + code) for code in range(256)))
QUADRANTS = Marker(2, 2, ((1, 2), (4, 8)), " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")
HALVES = Marker(1, 2, ((1,), (2,)), " ˙.:")
HALVES_ASCII = Marker(1, 2, ((1,), (2,)), " '.:")


def solid(char: str) -> Marker:
    """One character a cell."""
    return Marker(1, 1, ((1,),), f" {char}")


@dataclass(frozen=True)
class Glyphs:
    """The characters of one charset. `lines` and `swatches` go by role, `marks` by kind; `others` in order of the series."""

    lines: dict[str, Marker]
    swatches: dict[str, str]
    others: str  # markers of the series of role "other", one after another
    marks: dict[str, str]
    band: str
    upright: str  # one character a row, over again
    cursor: str
    wall: str
    wall_tick: str
    corner: str
    floor: str
    floor_tick: str
    floor_cursor: str
    more: str
    west: str
    east: str


_SIGNS = {
    "best": "●", "stop": "■", "finding": "▲", "resume": "▶", "non_finite": "!", "lr": "▼", "other": "◆",
}  # fmt: skip
_BOX = {
    "band": "░", "upright": "┊", "cursor": "│", "wall": "│", "wall_tick": "┤", "corner": "└", "floor": "─", "floor_tick": "┬",
    "floor_cursor": "┴", "more": "…", "west": "←", "east": "→",
}  # fmt: skip
_THIN = {
    "raw": HALVES,
    "ghost": solid("°"),
    "ghost_train": solid("¨"),
    "reference": solid("┄"),
    "test": solid("×"),
    "validation": QUADRANTS,
}
_SWATCHES = {"raw": "::", "ghost": "°°", "ghost_train": "¨¨", "reference": "┄┄", "test": "××", "validation": "▄▄"}
GLYPHS: dict[str, Glyphs] = {
    "braille": Glyphs(
        _THIN | {"train": BRAILLE}, _SWATCHES | {"train": "⠒⠒"}, "+○#◇%△&□", _SIGNS, **_BOX,
    ),
    "blocks": Glyphs(
        _THIN | {"train": solid("•")}, _SWATCHES | {"train": "••"}, "+○#◇%△&□", _SIGNS, **_BOX,
    ),
    "ascii": Glyphs(
        {
            "raw": HALVES_ASCII, "ghost": solid(","), "ghost_train": solid('"'), "reference": solid("-"), "test": solid("x"), "train": solid("*"),
            "validation": solid("o"),
        },
        {"raw": "::", "ghost": ",,", "ghost_train": '""', "reference": "--", "test": "xx", "train": "**", "validation": "oo"},
        "+#%=&$s8",
        {"best": "@", "stop": "X", "finding": "?", "resume": ">", "non_finite": "!", "lr": "v", "other": "^"},
        "~", "| ", "|", "|", "+", "+", "-", "+", "|", "~", "<-", "->",
    ),
}  # fmt: skip
WORDS = {
    "best": "best", "stop": "stopped", "finding": "finding", "resume": "resumed", "non_finite": "NaN", "lr": "edit",
    "other": "",
}  # fmt: skip
LOST = "!"  # where a value was NaN or infinite

# Hues of Okabe and Ito, which the colour-blind can tell apart; the darker ones are for light backgrounds.
_DARK = {
    "train": "#56b4e9", "validation": "#e69f00", "test": "#f0e442", "best": "#00c08b", "stop": "#ff7043", "lr": "#cc79a7",
    "resume": "#56b4e9", "finding": "#f0e442",
}  # fmt: skip
_LIGHT = {
    "train": "#0072b2", "validation": "#a86400", "test": "#7a7000", "best": "#00795a", "stop": "#c04a00", "lr": "#a0467c",
    "resume": "#0072b2", "finding": "#7a7000",
}  # fmt: skip
_OTHERS_DARK = ("#00c08b", "#cc79a7", "#f0e442", "#ff7043", "#56b4e9", "#e69f00", "#b0b0b0", "#8f9fff")
_OTHERS_LIGHT = ("#00795a", "#a0467c", "#7a7000", "#c04a00", "#0072b2", "#a86400", "#5a5a5a", "#4050c0")
_GREYS = {  # paint: on a dark and on a light background
    "raw": ("#6f8796", "#7fa3bd"), "ghost": ("#767676", "#8f8f8f"), "ghost_train": ("#767676", "#8f8f8f"), "reference": ("#8a8a8a", "#767676"),
    "other": ("#b0b0b0", "#5a5a5a"), "axis": ("#6c6c6c", "#9a9a9a"), "label": ("#a8a8a8", "#5a5a5a"),
    "band": ("#4a4a4a", "#c4c4c4"), "cursor": ("#d0d0d0", "#303030"),
}  # fmt: skip
_TINTS = {"under": ("#101a24", "#eaf2fa"), "over": ("#261812", "#fbeee4")}

PAINTS = (
    "", "text", "title", "lost", "non_finite", *_DARK, *_GREYS, *(f"other{number}" for number in range(len(_OTHERS_DARK))),
)  # fmt: skip
TINTS = ("", *_TINTS)


@lru_cache
def palette(colour: bool, dark: bool) -> dict[tuple[str, str], Style]:
    """(paint, tint of the background) -> style. Without colour every style is empty: then only the characters differ."""
    paints = dict.fromkeys(PAINTS, Style.null())
    tints = dict.fromkeys(TINTS, Style.null())
    if colour:
        hues = _DARK if dark else _LIGHT
        paints |= {name: Style(color=hue) for name, hue in hues.items()}
        paints |= {name: Style(color=pair[not dark]) for name, pair in _GREYS.items()}
        others = _OTHERS_DARK if dark else _OTHERS_LIGHT
        paints |= {f"other{number}": Style(color=hue) for number, hue in enumerate(others)}
        paints |= dict.fromkeys(("lost", "non_finite"), Style(color=hues["stop"], bold=True))
        paints["title"] = Style(bold=True)
        tints |= {name: Style(bgcolor=pair[not dark]) for name, pair in _TINTS.items()}
    return {(paint, tint): paints[paint] + tints[tint] for paint in paints for tint in tints}
