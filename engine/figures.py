"""The figures and pictures of a TensorBoard log, drawn with matplotlib into arrays; no window, no global state of pyplot.

The one file that imports matplotlib. Every drawing takes what a run can hold: NaN, infinities, one point, none, odd names.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

with warnings.catch_warnings():
    # Building its list of fonts, which it does once per user, it says so on standard error: the screen's own place.
    _log = logging.getLogger("matplotlib")
    _level = _log.level
    _log.setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    _log.setLevel(_level)

from . import events as e
from .data.prepared import Prepared
from .facts import Answer
from .report import Sides, label_of
from .runview import RunView
from .text import clean

Picture = np.ndarray
"""Red, green and blue as uint8 (height, width, 3)."""

TRAIN, VALIDATION, BEST = "#0072b2", "#a86400", "#00795a"  # hues that the colour-blind can tell apart
_DPI = 100
_LARGEST = 1e30  # matplotlib's own sums overflow when it is given much larger numbers
_NAMED = 30  # classes whose names and counts are legible


def all_figures(
    view: RunView, data: Prepared, regions: e.RegionsMapped | None, sides: Sides | None
) -> Iterator[tuple[str, Picture]]:
    """(tag, picture) of every figure that the run has the data for."""
    if view.epochs:
        yield "figures/error_by_epoch", error_by_epoch(view, sides)
        yield "figures/learning_rate", learning_rate(view)
    report = view.report
    if report is not None and report.confusion:
        yield "figures/confusion", confusion(report.confusion, data.class_names)
    if regions is not None:
        yield "figures/decision_regions", decision_regions(regions, data)
    if report is not None and data.image_shape is not None:
        for tag, title, answers in (
            ("images/samples", "test rows and their answers", report.samples),
            ("images/worst_mistakes", "the worst mistakes", report.mistakes),
        ):
            if answers:
                yield tag, pictures(answers, data, title)


def error_by_epoch(view: RunView, sides: Sides | None) -> Picture:
    """Training and validation loss against the epoch, with the under- and overfitting sides marked and the best point named."""
    figure, axes = _new(8, 5)
    axes.plot(view.epochs, _finite(view.train_loss), color=TRAIN, label="train", linestyle="--")
    axes.plot(view.epochs, _finite(view.val_loss), color=VALIDATION, label="validation")
    _log_if_wide(axes, [*view.train_loss, *view.val_loss])
    axes.set_xlim(0.5, max(view.epochs[-1], 1) + 0.5)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if sides is not None:
        best = float(np.clip(sides.loss, -_LARGEST, _LARGEST))
        axes.axvline(sides.best, color=BEST, linestyle=":")
        axes.plot(
            [sides.best], [best], "o", color=BEST, label=f"{sides.middle}: epoch {sides.best}, loss {sides.loss:.4g}"
        )
        for text, low, high, hatch in (
            (sides.left, 0.5, sides.best, "///"),
            (sides.right, sides.best, sides.last + 0.5, "\\\\\\"),
        ):
            if text:
                axes.axvspan(low, high, facecolor="#808080", alpha=0.08, hatch=hatch, edgecolor="#404040")
            if text and high - low > 0.2 * sides.last:  # else the name is wider than its side; the title has it too
                middle = (low + high) / 2
                axes.text(middle, 0.5, text, transform=axes.get_xaxis_transform(), ha="center", fontsize=13, alpha=0.7)
        axes.set_title(_safe(sides.words()), fontsize=11)
    axes.legend(loc="upper right")
    return _drawn(figure)


def learning_rate(view: RunView) -> Picture:
    """The learning rate of each epoch, as a schedule steps it."""
    figure, axes = _new(8, 3.5)
    axes.step(view.epochs, _finite(view.lr), where="mid", color=TRAIN, marker="." if len(view.epochs) <= 50 else "")
    _log_if_wide(axes, view.lr)
    axes.set_xlabel("epoch")
    axes.set_ylabel("learning rate")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _drawn(figure)


def confusion(counts: Sequence[Sequence[int]], class_names: tuple[str, ...]) -> Picture:
    """How often each true class (row) was answered with each class (column); the shade is the share of the row."""
    table = np.asarray(counts)
    classes = len(table)
    side = float(np.clip(0.5 * classes + 2, 4, 12))
    figure, axes = _new(side, side)
    axes.imshow(table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    if classes <= _NAMED:
        names = [_safe(label_of(index, class_names), 14) for index in range(classes)]
        axes.set_xticks(range(classes), names, rotation=45, ha="right")
        axes.set_yticks(range(classes), names)
        for row, column in np.argwhere(table > 0).tolist():
            dark = table[row, column] > table[row].sum() / 2
            axes.text(
                column, row, str(table[row, column]), ha="center", va="center", color="white" if dark else "black"
            )
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    return _drawn(figure)


def decision_regions(event: e.RegionsMapped, data: Prepared) -> Picture:
    """The class answered at each point of the plane, and the rows of the test part as dots in the colour of their class."""
    figure, axes = _new(6, 6)
    grid = np.asarray(event.answers).reshape(-1, event.columns)
    extent = (event.low[0], event.high[0], event.low[1], event.high[1])
    top = max(data.classes - 1, 1)
    axes.imshow(grid, origin="lower", extent=extent, aspect="auto", cmap="viridis", vmin=0, vmax=top, alpha=0.45)
    rows = data.x_test * data.x_scale + data.x_mean
    axes.scatter(
        rows[:, 0],
        rows[:, 1],
        c=data.y_test,
        cmap="viridis",
        vmin=0,
        vmax=top,
        s=14,
        edgecolors="black",
        linewidths=0.4,
    )
    names = [*data.feature_names[:2], "", ""]
    axes.set_xlabel(_safe(names[0]))
    axes.set_ylabel(_safe(names[1]))
    return _drawn(figure)


def pictures(answers: Sequence[Answer], data: Prepared, title: str) -> Picture:
    """The test pictures of these rows side by side, each with its true class, the answer, and how sure the model was."""
    columns = min(len(answers), 6)
    lines = -(-len(answers) // columns)
    figure = Figure(figsize=(1.6 * columns + 0.2, 2.0 * lines + 0.5), dpi=_DPI)
    figure.suptitle(_safe(title))
    shown = np.stack([picture_of(data, answer.row) for answer in answers])
    low, high = float(shown.min()), float(shown.max())
    shown = (shown - low) / max(high - low, 1e-12)
    for place, (answer, picture) in enumerate(zip(answers, shown, strict=True), 1):
        axes = figure.add_subplot(lines, columns, place)
        axes.set_axis_off()
        axes.imshow(picture if picture.shape[2] == 3 else picture[:, :, 0], cmap="gray", vmin=0, vmax=1)
        right = answer.truth == answer.answer
        true, said = (_safe(label_of(value, data.class_names), 12) for value in (answer.truth, answer.answer))
        axes.set_title(
            f"{true}, right" if right else f"true {true}\nanswer {said} ({answer.probability:.0%})",
            fontsize=8,
            color=BEST if right else "#c04a00",
        )
    return _drawn(figure)


def picture_of(data: Prepared, row: int) -> np.ndarray:
    """A row of the test part as a picture in the units of the data, float (height, width, channels)."""
    assert data.image_shape is not None
    return np.moveaxis((data.x_test[row] * data.x_scale + data.x_mean).reshape(data.image_shape), 0, -1)


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=_DPI)
    return figure, figure.add_subplot()


def _drawn(figure: Figure) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of signs that its font lacks, and of a layout without room
        figure.set_layout_engine("tight")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _finite(values: Sequence[float]) -> np.ndarray:
    """The values with gaps where they are no numbers."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array), np.clip(array, -_LARGEST, _LARGEST), np.nan)


def _log_if_wide(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis where the values are all positive and span more than a factor of 50."""
    array = _finite(values)
    array = array[np.isfinite(array)]
    if len(array) and array.min() > 0 and array.max() > 50 * array.min():
        axes.set_yscale("log")


def _safe(text: str, width: int = 120) -> str:
    """Foreign text that matplotlib prints as it is, and does not read as mathematics."""
    return clean(text, width).replace("$", r"\$")
