"""What a run prints, in its pane: the end of run.log, safe to show, read little by little and only while somebody looks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import script
from support.screens import lines, press, safe, see, text, until, watching

from tui.outputtail import FIRST_BYTES, LONGEST_LINE, MOST_BYTES, OutputTail, readable
from tui.widgets.logpane import LogPane
from tui.widgets.outputpane import MOST_LINES, NOTHING, OutputPane


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "run.log"


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_file_is_followed_line_by_line(log):
    tail = OutputTail(log)
    assert tail.read() is None, "it is not there yet"
    add(log, b"one\ntwo\nthr")
    assert (tail.read(), tail.unended) == (["one", "two"], "thr")
    assert tail.read() is None, "nothing new"
    add(log, b"ee\n")
    assert (tail.read(), tail.unended) == (["three"], "")
    add(log, b"\n")
    assert tail.read() == [""]
    log.unlink()
    assert tail.read() is None


def test_of_what_was_printed_before_only_the_end_is_read(log):
    add(log, b"".join(b"line %06d\n" % number for number in range(20_000)))
    found = OutputTail(log).read()
    assert found is not None and found[-1] == "line 019999"
    assert len(found) < FIRST_BYTES / 12 + 1
    assert all(line.startswith("line ") and len(line) == 11 for line in found), "no half of a line"


def test_what_is_printed_faster_than_it_can_be_read_is_passed_over_and_said(log):
    tail = OutputTail(log)
    add(log, b"begin\n")
    tail.read()
    add(log, b"spam and more spam\n" * (2 * MOST_BYTES // 19) + b"end\n")
    first, *rest = tail.read() or []
    assert "bytes are passed over here" in first
    assert rest[-1] == "end" and set(rest[:-1]) == {"spam and more spam"}


def test_a_file_that_is_cut_off_is_read_anew(log):
    tail = OutputTail(log)
    add(log, b"a long line that was there\nand a piece")
    tail.read()
    log.write_bytes(b"new\n")
    assert tail.read() == ["(run.log was cut off here)", "new"]


def test_a_line_without_end_is_shown_in_the_end(log):
    tail = OutputTail(log)
    add(log, b"x")
    tail.read()
    add(log, b"y" * 200_000)
    (found,) = tail.read() or []
    assert len(found) == LONGEST_LINE
    assert tail.unended == ""


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        (b"\x1b[31;1mred\x1b[0m and \x1b[38:2::1:2:3mmore", "red and more"),
        (b"\x1b]0;title\x07after\x1b]8;;http://x\x1b\\link", "afterlink"),
        (b"\x1b]52;c;never ended", ""),
        (b" 10%|#   |\r 50%|##  |\r100%|####|\r", "100%|####|"),
        (b"a\tb", "a       b"),
        (b"windows\r", "windows"),
        (b"\xff\xfe bytes", "\N{REPLACEMENT CHARACTER}" * 2 + " bytes"),
        (b"bell\x07 and \x08", "bell\N{REPLACEMENT CHARACTER} and \N{REPLACEMENT CHARACTER}"),
        (b"\x1b(Bcharset\x1b7\x1b=", "charset"),
    ],
)
def test_readable(raw, shown):
    assert readable(raw) == shown


@given(st.binary(max_size=60))
def test_nothing_that_a_terminal_would_obey_passes(raw):
    assert all(char.isprintable() for char in readable(raw))


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_the_pane(size, tmp_path, log):
    events = [*script.opening(folder=str(tmp_path)), *script.epoch(1, 1.0, 1.1, 1), *script.closing(epochs=1)]
    async with watching(events, size) as (pilot, source):
        source.release(len(events) - 3)
        await see(pilot, "training", "model with")
        pane = pilot.app.screen.query_one(OutputPane)
        add(log, b"hello [@click=app.quit]there[/] \x1b[31mred\n")
        await press(pilot, "L")
        await see(pilot, "output", "hello [@click=app.quit]there[/] red")
        assert "model with" not in text(pilot), "it takes the log's place"
        assert any("┤" in line for line in lines(pilot)), "the charts stay"
        assert safe(pilot)
        add(log, b"".join(b"line %d\n" % number for number in range(1, 101)) + b"50%")
        await see(pilot, "line 100", "50%")
        add(log, b"\r70%")
        await until(pilot, lambda: "70%" in text(pilot) and "50%" not in text(pilot))
        await press(pilot, "pageup", "pageup")
        await until(pilot, lambda: "line 100" not in text(pilot) and "more below" in text(pilot))
        above = text(pilot)
        add(log, b"\nwhile nobody looks\n")
        await until(pilot, lambda: pane.rows[-1] == "while nobody looks")
        assert "while nobody looks" not in text(pilot) and "line 90" not in above, "what is read stays in sight"
        await press(pilot, "ctrl+end")
        await see(pilot, "while nobody looks")
        assert "more below" not in text(pilot)
        add(log, b"followed again " + b"w" * 2 * size[0] + b"!\n")
        await see(pilot, "w!")
        assert any(line.strip().endswith("w" * 30) for line in lines(pilot)), "long lines are wrapped"
        add(log, b"".join(b"%d\n" % number for number in range(2 * MOST_LINES)))
        await see(pilot, str(2 * MOST_LINES - 1))
        assert len(pane.rows) <= MOST_LINES * 5 // 4

        reads = pane.reads
        await press(pilot, "L")
        await until(pilot, lambda: not pane.display and "model with" in text(pilot))
        add(log, b"unseen\n")
        await pilot.pause(1.2)  # two looks, if it still looked
        assert pane.reads == reads, "nothing is read for nobody"
        await press(pilot, "L")
        await see(pilot, "unseen")
        await press(pilot, "l")
        await until(pilot, lambda: pilot.app.screen.query_one(LogPane).display and not pane.display)
        await press(pilot, "space")
        assert source.commands, "the keys are the monitor's again"


async def test_before_anything_is_printed(tmp_path):
    async with watching([*script.opening(folder=str(tmp_path)), *script.closing()]) as (pilot, source):
        await press(pilot, "L")
        await see(pilot, NOTHING)
        source.release(3)
        add(tmp_path / "run.log", b"now\n")
        await see(pilot, "now")
        assert NOTHING not in text(pilot)
