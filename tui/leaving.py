"""What is left to do when the screen is gone: say how the run ended, or wait for one that goes on without a screen."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from engine.commands import ScreenGone
from engine.console import epoch_line, notice_line
from engine.errors import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, InputError
from engine.events import EpochEnded, Event, RunEnded
from engine.finaltext import final_text, terminal_width
from engine.headless import exit_code
from engine.rundir import LOG_FILE
from engine.runview import RunView
from engine.text import clean

from . import terminal
from .hangup import EXIT_HUNG_UP, Watch, exit_code_of
from .plot import loss_graph
from .source import RunSource
from .terminal import StrayOutput

_LOOK_SECONDS = 0.2
_GLANCE_SECONDS = 0.03
_PATIENT_SECONDS = 0.5
_GRAPH = (100, 13)  # characters and lines of the graph that stays on the terminal, at the most


def follow(
    source: RunSource,
    view: RunView,
    write: Callable[[str], object] | None = None,
    told: Callable[[Event], object] = lambda event: None,
    until: Callable[[], object] = lambda: False,
) -> RunEnded | None:
    """Take in a run's events until it ends or `until` holds, and write a line for each that deserves one.

    Returns how it ended, None when that is not known. told: gets each event after `view` has it.
    """
    end = view.end
    while not until():
        alive = source.alive  # asked first: what ends between the two lines is seen at the next turn
        events = source.drain()
        for event in events:
            with contextlib.suppress(Exception):  # the view may be what the screen broke down over
                view.apply(event)
            end = event if isinstance(event, RunEnded) else end
            line = epoch_line(view, event) if isinstance(event, EpochEnded) else notice_line(event)
            if line and write is not None:
                write(line + "\n")
            told(event)
        if not alive and not events:
            break
        if alive:
            source.join(_LOOK_SECONDS)
    return end


def farewell(source: RunSource | None, view: RunView, code: int, watch: Watch, out: Callable[[str], object]) -> int:
    """Leave the final figures on the terminal, and wait for a run that is still at its last batch; the exit code.

    Another process's run has them only when it is over.

    What comes after the figures (the end of the TensorBoard log) is the business of the run's own process.
    """
    asked = watch.asked
    if source is None or not source.own:
        if source is not None and view.end is not None and not asked:
            out(_last_words(view))
        return exit_code_of(asked) if asked else code
    began, said = time.monotonic(), False
    _catch_up(source, view)
    while view.end is None and not source.join(_GLANCE_SECONDS):
        if watch.asked != asked:
            source.abandon()
            return EXIT_INTERRUPTED
        if not said and time.monotonic() - began > _PATIENT_SECONDS:
            out("nntui: waiting for the batch in hand and the test (Ctrl-C leaves at once)\n")
            said = True
        _catch_up(source, view)
    _catch_up(source, view)
    if view.end is None and (error := source.error) is not None:
        for line in str(error).splitlines():
            out(f"nntui: {clean(line, 2000)}\n")
        return EXIT_BAD_INPUT if isinstance(error, InputError) else EXIT_FAILED
    out(_last_words(view))
    if asked:
        return exit_code_of(asked)
    failed = view.end is not None and view.end.reason in ("failed", "non_finite", "diverged")
    return EXIT_FAILED if failed else code


def _last_words(view: RunView) -> str:
    """What stays on the terminal."""
    width, charset = terminal_width(), terminal.charset()
    graph = "" if view.planned_trials else loss_graph(view, min(width, _GRAPH[0]), _GRAPH[1], charset)
    return f"{graph}\n\n" * bool(graph) + final_text(view, width, charset == "ascii") + "\n"


def _catch_up(source: RunSource, view: RunView) -> None:
    """Take in all that there is by now: a source gives it in portions."""
    while events := source.drain():
        view.apply_all(events)


def outlive(
    source: RunSource | None, view: RunView, watch: Watch, stray: StrayOutput, error: BaseException | None
) -> int:
    """The terminal is lost or the screen broke down with `error`: training goes on to its end. Returns the exit code.

    Signals still reach the run through `watch`. What it prints, and the traceback, goes to the run's log.
    """
    out = _writer(stray)
    if error is not None:
        _record(error, source, view, stray)
    if source is None or not source.own:
        if error is None:
            return EXIT_HUNG_UP
        out(f"nntui: the screen broke down: {_words(error)}\n")
        if view.folder:
            name = clean(view.run)
            out(
                f"nntui: the run is not touched by it. The traceback is in its run.log; `nntui attach {name}` shows it again\n"
            )
        else:
            out("".join(traceback.format_exception(error)))
        return EXIT_FAILED
    if source.alive:
        with contextlib.suppress(InputError):  # it has ended this very moment
            source.send(ScreenGone(watch.lost or f"the screen broke down: {_words(error)}"))
    if error is None:  # there is nobody to tell anything
        while not source.join(_LOOK_SECONDS):
            pass
        return _code_of(source, watch)
    where = f"`nntui attach {clean(view.run)}` opens another" if view.run else "`nntui attach` opens another"
    out(f"nntui: the screen broke down: {_words(error)} (traceback in run.log); training goes on, and {where}\n")

    def told(event: Event) -> None:
        if not view.folder or known:
            return
        known.append(view.folder)
        stray.move_to(Path(view.folder) / LOG_FILE)

    known = [view.folder] if view.folder else []
    end = follow(source, view, out, told)
    if end is None:
        return _code_of(source, watch)
    with contextlib.suppress(Exception):
        out(_last_words(view))
    return exit_code(end.reason)


def _code_of(source: RunSource, watch: Watch) -> int:
    """The exit code of a run whose end was only waited for."""
    if source.code is not None and source.code >= 0:
        return source.code
    return exit_code_of(watch.asked) if watch.asked else EXIT_FAILED


def follow_plainly(source: RunSource) -> int:
    """`nntui attach` without a terminal: lines until the run ends; Ctrl-C leaves it alone. Returns the exit code."""
    view = RunView()

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        follow(source, view, write)
    except KeyboardInterrupt:
        return EXIT_OK
    finally:
        source.close()
    write(_last_words(view))
    return EXIT_OK


def _writer(stray: StrayOutput) -> Callable[[str], object]:
    def write(text: str) -> None:
        stray.terminal.write(text)
        stray.terminal.flush()

    return write


def _words(error: BaseException | None) -> str:
    """An exception as one safe line."""
    first = str(error).strip().partition("\n")[0]
    return clean(f"{type(error).__name__}: {first}" if first else type(error).__name__)


def _record(error: BaseException, source: RunSource | None, view: RunView, stray: StrayOutput) -> None:
    """The traceback for the run's log: through the stray output, or into the log of a run that lives elsewhere."""
    text = "".join(traceback.format_exception(error))
    if source is not None and source.own:
        stray.text.write(text)
        stray.text.flush()
    elif view.folder:
        with (
            contextlib.suppress(OSError),
            (Path(view.folder) / LOG_FILE).open("a", encoding="utf-8", errors="replace") as log,
        ):
            log.write(text)
