"""What the arrow keys make of the text in a field, and how a text stands there once it is taken. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from math import ceil, floor, isfinite, log2, log10

from engine.knobs import Knob, parse, show


def normal(row: Knob | None, text: str) -> str:
    """A text as it stands in its field once it is taken: a list of numbers in one way, whatever way it was typed."""
    return show(row, parse(row, text)) if row is not None and row.kind == "ints" else text


def stepped(row: Knob, text: str, direction: int) -> str:
    """The text of a field after an arrow key: the next choice, or the next number up (+1) or down (-1).

    Rates and penalties move through 1, 2, 5 x 10^k, batch sizes through powers of two, other numbers by a step that suits
    their size. Never leaves the bounds.
    """
    if row.kind == "choice":
        if text not in row.choices:  # to what was probably meant
            return (get_close_matches(text.lower(), row.choices, n=1, cutoff=0.4) or row.choices)[0]
        at = row.choices.index(text)
        return row.choices[(at + direction) % len(row.choices)]
    if row.kind == "bool":
        return "off" if text == "on" else "on"
    if row.kind not in ("int", "float"):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    if not isfinite(number):
        return text
    if row.log:
        following = _next_power(number, direction) if row.kind == "int" else _next_rate(number, direction)
    else:
        following = _next_number(row, number, direction)
    if row.low is not None and (following < row.low or (row.low_open and following <= row.low)):
        return text
    if row.high is not None and (following > row.high or (row.high_open and following >= row.high)):
        return text
    return str(int(following)) if row.kind == "int" else repr(following)


_SMALLEST_RATE = 1e-6


def _next_rate(number: float, direction: int) -> float:
    if number <= 0:
        return _SMALLEST_RATE if direction > 0 else number
    exponent = floor(log10(number))
    ladder = [float(f"{digit}e{power}") for power in range(exponent - 1, exponent + 2) for digit in (1, 2, 5)]
    if direction > 0:
        return min(step for step in ladder if step > number * (1 + 1e-9))
    below = max(step for step in ladder if step < number * (1 - 1e-9))
    return 0.0 if below < _SMALLEST_RATE else below


def _next_power(number: float, direction: int) -> float:
    if direction > 0:
        return 2.0 ** (floor(log2(number)) + 1) if number >= 1 else 1.0
    return 2.0 ** (ceil(log2(number)) - 1) if number > 1 else 0.0


def _next_number(row: Knob, number: float, direction: int) -> float:
    if row.kind == "float":
        step = 0.05 if row.high is not None and row.high <= 1 else 0.1
        return round(number + direction * step, 10)
    beside = number if direction > 0 else number - 1  # on the side that the step goes to, which sets its size
    if beside < 20:
        return number + direction
    step = max(5, 10 ** floor(log10(beside)) // 2)
    # To the next multiple of the step, so that 37 goes to 40 and not to 42.
    return (number // step + 1) * step if direction > 0 else (-(-number // step) - 1) * step
