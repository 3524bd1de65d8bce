"""The lines that are always in sight: which run, where it is, how near early stopping is, and what a person should know."""

from __future__ import annotations

import time

from rich.text import Text
from textual.content import Content
from textual.widgets import Static

from engine.measures import measure_label
from engine.runview import RunView

from ..statusline import status_text
from ..text import ago, clean, fit


class Quiet(Static):
    """A Static that does nothing when it is told what it already shows."""

    ONE_LINE = False
    """Whether it is as high as ever whatever it says: then the screen need not be laid out anew."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._shown: Text | None = None

    def show(self, text: Text) -> None:
        if self._shown is None or text.plain != self._shown.plain or text.spans != self._shown.spans:
            self._shown = text
            self.update(self.drawn(text), layout=not self.ONE_LINE)

    def drawn(self, text: Text) -> Text | Content:
        """The text as it is handed to Textual."""
        return text


class StatusStrip(Quiet):
    """Phase, epoch, progress, time left, speed, device, learning rate."""

    ONE_LINE = True

    def show_view(self, view: RunView, width: int, ascii_only: bool = False, lost: bool = False) -> None:
        self.show(status_text(view, width, ascii_only, lost))


class EarlyStopStrip(Quiet):
    """How near early stopping is."""

    ONE_LINE = True

    def show_view(self, view: RunView, width: int, ascii_only: bool = False) -> None:
        self.show(stopping_text(view, width, ascii_only))


NEWS_SECONDS = 60.0  # how long a notice about something that is over stays


class Title(Quiet):
    """The run's name, the last checkpoint and the folder, as far as there is room."""

    ONE_LINE = True

    def show_view(self, view: RunView, width: int, now: float) -> None:
        self.show(title_text(view, width, now))


class Notice(Quiet):
    """What a person should know at once; not there at all when there is nothing."""

    ONE_LINE = True

    def show_view(self, view: RunView, now: float, opened: float, lost: bool = False) -> None:
        text = notice_text(view, now, opened, lost)
        self.display = bool(text)
        self.set_class(bool(view.save_problem) or lost, "warning")
        self.show(Text(f" {text}", no_wrap=True, overflow="ellipsis"))


def title_text(view: RunView, width: int, now: float) -> Text:
    """``nntui · name``, and at the right ``saved epoch 12, 0:03 ago``, and the folder where there is room for it."""
    name = f" nntui · {clean(view.run or '…')}"
    line = fit(name, width)
    for place in (saved_text(view, now), clean(view.folder, 2000)):
        room = width - len(name) - 2
        if place and len(place) + 1 <= room:
            kept = line.rstrip()
            gap = width - len(kept) - len(place) - 1
            if gap >= 2:
                line = f"{kept}{' ' * gap}{place} " if kept == name.rstrip() else line
    return Text(line, no_wrap=True)


def saved_text(view: RunView, now: float) -> str:
    """The last checkpoint, and how long ago it was while the run goes on: in words that seldom change, over a slow link."""
    if view.saved is None:
        return ""
    where = f"saved epoch {view.saved.epochs}" + (f" + {view.saved.batch} batches" if view.saved.batch else "")
    if view.end:
        return where
    if view.phase == "paused":
        return f"{where} at {time.strftime('%H:%M', time.localtime(view.saved.time))}"
    return f"{where}, {ago(now - view.saved.time)}"


def notice_text(view: RunView, now: float, opened: float, lost: bool = False) -> str:
    """The most pressing of what there is to say, or "".

    lost: the run has not ended, and nobody trains it. now and opened: seconds since 1970; the latter is when the screen was opened, and what it lost sight of before is news.
    """
    if lost and view.own_loop:
        return "! the process of the script that trained this run is gone"
    if lost:
        return "! the process that trained this run is gone; + goes on from the last checkpoint"
    if view.save_problem:
        return f"! no checkpoint: {clean(view.save_problem)}; the ones before it are good"
    gone = view.screen_lost
    if gone is not None and gone.time < opened and now - opened < NEWS_SECONDS:
        return f"{clean(gone.problem)} at {time.strftime('%H:%M', time.localtime(gone.time))}; training went on"
    last = view.chapters[-1] if view.chapters else None
    if last is not None and view.end is None and now - max(last.time, opened) < NEWS_SECONDS:
        at = time.strftime("%H:%M", time.localtime(last.time))
        return f"resumed at {at} after its process was lost" if last.after == "lost" else f"taken up again at {at}"
    return ""


def stopping_text(view: RunView, width: int, ascii_only: bool = False) -> Text:
    """``best 0.231 @ epoch 12 · patience 3/10 left · must beat 0.2309``, or why there is nothing to say.

    Between the last two parts stands a bar, as long as there is room for it in `width` cells.
    """
    dot = " | " if ascii_only else " · "
    state = view.stopping
    if state is None:
        if view.best_epoch:
            return Text(f" best {_loss(view.best_loss)} @ epoch {view.best_epoch}{dot}early stopping is off")
        return Text(" early stopping: waiting for the first epoch", style="dim")
    if state.epoch <= state.start:
        return Text(f" early stopping: waiting for the first {state.start} epochs", style="dim")
    what = "" if state.monitor == "loss" else f"{measure_label(clean(state.monitor, 20))} "
    if not state.best_epoch:
        return Text(
            f" no finite validation {what or 'loss '}yet{dot}patience {_left(state.patience, state.waited)} left"
        )
    left = state.patience - state.waited
    line = Text(f" best {what}{_loss(state.best)} @ epoch {state.best_epoch}{dot}")
    urgent = "bold" if left <= max(1, state.patience // 3) else ""
    line.append(f"patience {left}/{state.patience} left", style=urgent)
    to_beat = f"{dot}must beat {_loss(state.must_beat)}"
    cells = min(10, state.patience, width - line.cell_len - len(to_beat) - 2)
    if cells > 2 or cells == state.patience:
        full, empty = ("#", "-") if ascii_only else ("▮", "▯")
        lit = -(-left * cells // state.patience)
        line.append(f" {full * lit}{empty * (cells - lit)}", style=urgent)
    line.append(to_beat)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _left(patience: int, waited: int) -> str:
    return f"{patience - waited}/{patience}"


def _loss(value: float) -> str:
    return f"{value:.4g}"
