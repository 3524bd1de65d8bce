"""Only the screen writes to the terminal; everything else lands in the run's log."""

from __future__ import annotations

import sys

import pytest
from support.terminal import PYTHON, terminal

from tui import terminal as tty

PROGRAM = """
import os, subprocess, sys, warnings
from pathlib import Path
from tui.terminal import only_for_the_screen
before = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
print("before the screen")
with only_for_the_screen() as stray:
    sys.stdout = sys.stderr = stray.text
    print("an early print")
    os.write(1, b"early bytes\\n")
    os.write(2, b"early error\\n")
    stray.move_to(Path(sys.argv[1]) / "first.log")
    print("a print")
    print("an error", file=sys.stderr)
    warnings.warn("a warning")
    os.write(1, b"bytes on 1\\n")
    os.write(2, b"bytes on 2\\n")
    subprocess.run([sys.executable, "-c", "import sys; print('a child'); print('its error', file=sys.stderr)"], check=True)
    stray.move_to(Path(sys.argv[1]) / "second.log")
    print("in the second run")
    stray.move_to(Path(sys.argv[1]) / "no such folder" / "third.log")
    print("nowhere else to go")
    print("on the screen: \\N{GREEK SMALL LETTER ALPHA}", file=sys.__stderr__, flush=True)
assert before == (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
print("after the screen")
os.write(2, b"and bytes\\r\\n")
try:
    with only_for_the_screen():
        raise KeyError("in the screen")
except KeyError:
    print("restored after an error")
"""


def test_stray_output_goes_to_the_log_of_its_run(tmp_path):
    with terminal([*PYTHON, "-c", PROGRAM, str(tmp_path)]) as program:
        assert program.wait() == 0, program.text
        assert [line.rstrip() for line in program.lines if line.strip()] == [
            "before the screen",
            "on the screen: α",
            "after the screen",
            "and bytes",
            "restored after an error",
        ]
    first = (tmp_path / "first.log").read_text()
    for words in (
        "early print",
        "early bytes",
        "early error",
        "a print",
        "an error",
        "a warning",
        "on 1",
        "on 2",
        "a child",
        "its error",
    ):
        assert words in first, words
    assert first.index("early print") < first.index("early bytes") < first.index("a print"), "in the order of writing"
    assert (tmp_path / "second.log").read_text() == "in the second run\nnowhere else to go\n"


@pytest.mark.parametrize(("value", "expected"), [(None, True), ("", True), ("1", False), ("0", False)])
def test_no_color_counts_unless_it_is_empty(monkeypatch, value, expected):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    assert tty.colour() is expected


@pytest.mark.parametrize("wanted", ["braille", "blocks", "ascii"])
def test_the_charset_can_be_chosen(monkeypatch, wanted):
    monkeypatch.setenv("NNTUI_CHARSET", wanted)
    assert tty.charset() == wanted


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("UTF-8", "braille"), ("utf8", "braille"), ("ANSI_X3.4-1968", "ascii"), ("ISO-8859-1", "ascii")],
)
@pytest.mark.parametrize("chosen", ["", "no such thing"])
def test_otherwise_the_charset_is_that_of_the_locale(monkeypatch, encoding, expected, chosen):
    monkeypatch.setenv("NNTUI_CHARSET", chosen)
    monkeypatch.setattr("locale.getencoding", lambda: encoding)
    assert tty.charset() == expected


def test_the_c_locale_is_no_utf8_even_in_pythons_utf8_mode():
    """LC_ALL=C switches Python itself to UTF-8, which says nothing about the terminal."""
    code = "from tui.terminal import charset; print('charset:', charset())"
    with terminal([*PYTHON, "-c", code], LC_ALL="C") as program:
        assert program.wait() == 0
        assert "charset: ascii" in program.text


@pytest.mark.parametrize(("stdin", "stdout", "term", "expected"), [
    (True, True, "xterm", True), (False, True, "xterm", False), (True, False, "xterm", False), (True, True, "dumb", False),
])  # fmt: skip
def test_a_terminal_needs_both_ends(monkeypatch, stdin, stdout, term, expected):
    class Stream:
        def __init__(self, answer: bool) -> None:
            self.isatty = lambda: answer

    monkeypatch.setattr(sys, "stdin", Stream(stdin))
    monkeypatch.setattr(sys, "stdout", Stream(stdout))
    monkeypatch.setenv("TERM", term)
    assert tty.has_terminal() is expected


def test_no_terminal_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert tty.has_terminal() is False
