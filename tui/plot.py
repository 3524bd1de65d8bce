"""The graph that a run leaves on the terminal: printed once, hence drawn by plotext. The only file that knows plotext.

plotext fails on infinite and on huge or tiny values and takes seconds for many points, so it gets few points between 0 and 1,
and the numbers at the axes as texts.
"""

from __future__ import annotations

import re

import numpy as np

from engine.axes import round_bounds, ticks
from engine.runview import RunView
from engine.series import Floats, clean, decimate

from .text import Charset

_LEAST = (40, 8)  # cells; below this a graph says less than the figures
_MARKERS: dict[Charset, tuple[str, str]] = {"braille": ("braille", "hd"), "blocks": ("•", "hd"), "ascii": (".", "o")}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BOX = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-|++++|")


def loss_graph(view: RunView, width: int, height: int, charset: Charset = "braille") -> str:
    """Training and validation loss by epoch, with the best epoch: at most `height` lines of at most `width` characters.

    "" where there is no room for it, or fewer than two epochs with a finite loss.
    """
    last = float(max(view.epochs, default=1))
    curves = []
    for name, values in (("train", view.train_loss), ("validation", view.val_loss)):
        xs, ys, _ = clean(view.epochs, values)
        curves.append((name, *decimate(xs, ys, width, 0.0, last)))
    if width < _LEAST[0] or height < _LEAST[1] or max(len(xs) for _, xs, _ in curves) < 2:
        return ""
    import plotext as plt  # a fifth of a second, and of use at the very end only

    low, high = round_bounds(
        min(ys.min() for _, _, ys in curves if len(ys)), max(ys.max() for _, _, ys in curves if len(ys))
    )
    plt.clf()
    plt.limit_size(False, False)
    plt.plotsize(width, height)
    plt.theme("clear")
    for (name, xs, ys), marker in zip(curves, _MARKERS[charset], strict=True):
        if len(xs):
            plt.plot(xs.tolist(), _shares(ys, low, high).tolist(), marker=marker, label=name)
    plt.ylim(0, 1)
    plt.xlim(0, last)
    marked = ticks(low, high, max(2, (height - 4) // 2))
    plt.yticks(
        _shares(np.array([value for value, _ in marked]), low, high).tolist(), [f"{label:>7}" for _, label in marked]
    )
    marked = ticks(0.0, last, max(2, width // 12), whole=True)
    plt.xticks([value for value, _ in marked], [label for _, label in marked])
    plt.xlabel(f"epoch (best: {view.best_epoch})" if view.best_epoch else "epoch")
    lines = [line.rstrip() for line in _ANSI.sub("", plt.build()).split("\n")]
    text = "\n".join(lines).strip("\n")
    return text.translate(_BOX).encode("ascii", "replace").decode() if charset == "ascii" else text


def _shares(values: Floats, low: float, high: float) -> Floats:
    """Where values lie between `low`, 0, and `high`, 1; halved first, so that no difference overflows."""
    return (values / 2 - low / 2) / (high / 2 - low / 2)
