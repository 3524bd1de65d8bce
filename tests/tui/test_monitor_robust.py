"""The monitor takes any beginning of a run at any size, and shows foreign text without obeying it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rich.cells import cell_len
from support import script
from support.screens import SIZES, lines, press, safe, see, text, until, watching

from engine import events as e
from tui.widgets.chart import Chart

SHORT = {
    "healthy": script.healthy(2),
    "counting_down": script.counting_down(patience=2, best_epoch=1),
    "overfitting": script.overfitting(epochs=4, best_epoch=1, warned=3),
    "paused": script.paused(1),
    "failed": script.failed(),
    "diverging": script.diverging(),
}


@pytest.fixture(autouse=True)
def _undamped(monkeypatch):
    clock = iter(range(10**9))
    monkeypatch.setattr(Chart, "clock", staticmethod(lambda: 100.0 * next(clock)))
    monkeypatch.setattr("tui.screens.monitor.DRAINS_PER_SECOND", 0.01)  # the tests look for events themselves
    monkeypatch.setattr("tui.pace.SHARE", float("inf"))


def pictures() -> Iterator[object]:
    """Every run at the usual size, and those that have most to show at the others; all of them with -m soak."""
    for size in (*SIZES, (60, 16), (20, 5)):
        for name in SHORT:
            often = size == SIZES[0] or name in ("overfitting", "failed", "diverging")
            marks = [] if often else [pytest.mark.soak]
            yield pytest.param(size, name, id=f"{size[0]}x{size[1]}-{name}", marks=marks)


@pytest.mark.parametrize(("size", "name"), list(pictures()))
async def test_any_beginning_of_a_run_is_a_picture(size, name):
    async with watching(SHORT[name], size) as (pilot, source):
        for _ in SHORT[name]:
            source.release(1)
            pilot.app.screen._drain()
            await pilot.pause(0)
            shown = lines(pilot)
            assert len(shown) == size[1] and all(cell_len(line) == size[0] for line in shown)
        pilot.app.screen._drain()  # the one that notices the end
        await pilot.pause(0)
        if size[0] >= 60:
            await until(
                pilot, lambda: lines(pilot)[1].strip().startswith(("all", "early", "stopped", "failed", "the loss"))
            )


FOREIGN = {
    "markup": "[/foo][bold]x[/bold]",
    "an action": "[@click=app.quit]x[/]",
    "a link": "[link=file:///etc/passwd]x[/link]",
    "an escape sequence": "a\x1b[31mb\x1b]8;;http://x\x07c",
    "8-bit controls": "a\x9b31mb",
    "new lines": "a\nb\r\nc\td",
    "right to left": "a\u202eb",
}


def run_of(words: str) -> list[e.Event]:
    """A run in which every text that can come from outside is `words`."""
    finding = e.FindingRaised(
        epoch=2, kind=words, confidence=words, began=1, title=words, evidence=words, actions=(words, words)
    )
    return [
        *script.opening(run=words, folder=words, metric=words, device=words, class_names=(words,), dataset=words),
        *script.epoch(1, 1.0, 1.1, 1),
        e.Noted(text=words),
        e.SinkFailed(sink=words, problem=words),
        finding,
        e.FindingCleared(epoch=2, kind=words),
        finding,
        e.StopAsked(reason=words),
        e.RunEnded(reason="failed", epochs=1, best_epoch=1, seconds=2.0, error=words),
    ]


@pytest.mark.parametrize(
    ("size", "words"),
    [*((SIZES[0], words) for words in FOREIGN.values()), (SIZES[1], "".join(FOREIGN.values()))],
    ids=[*FOREIGN, "all of it"],
)
async def test_foreign_text_is_shown_and_not_obeyed(size, words):
    events = run_of(words)
    async with watching(events, size, error=RuntimeError(words)) as (pilot, source):
        for _ in events:
            source.release(1)
            pilot.app.screen._drain()
            await pilot.pause(0)
            assert safe(pilot), text(pilot)
        pilot.app.screen._drain()
        await press(pilot, "m", "l")
        assert safe(pilot), text(pilot)
        if words.isprintable() and words.isascii():
            await see(pilot, f"! {words}", f"ended       {words}")


async def test_an_action_in_a_text_cannot_be_clicked():
    async with watching(run_of("[@click=app.quit]CLICK[/]")) as (pilot, source):
        source.release()
        pilot.app.screen._drain()
        await see(pilot, "CLICK")
        for y, line in enumerate(lines(pilot)):
            if (x := line.find("CLICK")) >= 0:
                await pilot.click(offset=(x + 2, y))
        assert pilot.app.is_running


async def test_ascii_is_all_that_the_monitor_draws_when_asked():
    async with watching(script.counting_down(), charset="ascii", colour=False) as (pilot, source):
        source.release()
        pilot.app.screen._drain()
        await see(pilot, "patience 0/10 left")
        drawn = "\n".join(line for line in lines(pilot)[1:-1] if not set(line) <= {"─"})
        assert drawn.isascii(), drawn
