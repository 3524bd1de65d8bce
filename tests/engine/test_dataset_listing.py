"""The catalogue searched and printed, and a dataset shown in text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cli import main
from engine.data.catalogue import CARDS, card, search
from engine.data.columns import peek_columns
from engine.data.describe import list_cards, list_columns, spread
from engine.plaintext import balance, bar, cells, cut, fit, table
from engine.preview import Histogram


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("picture", "digits"),
        ("DIG", "digits"),
        ("regression real", "diabetes"),
        ("medical binary", "breast_cancer"),
        ("breast cancer", "breast_cancer"),
        ("mnist", "digits"),
        ("planar xor", "xor"),
        ("", "digits"),
    ],
)
def test_search(query, first):
    assert search(query)[0].name == first


def test_search_finds_nothing_and_everything():
    assert search("nosuchthing") == ()
    assert search("") == CARDS
    assert {item.name for item in search("generated")} == {item.name for item in CARDS if item.generated}
    assert all(card(item.name) in search(item.title) for item in CARDS)


def test_every_card_says_where_it_is_from_and_under_what_licence():
    for item in CARDS:
        assert item.source
        assert item.licence
        assert item.about.endswith(".")
        assert item.generated or "scikit-learn" in item.source


def test_the_list_fits_its_width():
    for width in (80, 100):
        lines = list(list_cards(CARDS, width))
        assert max(map(len, lines)) <= width
        assert sum(line.startswith(tuple(item.name for item in CARDS)) for line in lines) == len(CARDS)


@pytest.mark.parametrize("name", [item.name for item in CARDS])
def test_each_is_shown_within_80_columns(name, capsys):
    assert main(["datasets", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cells, lines)) <= 80
    assert any(line.startswith("licence") for line in lines)
    assert any(line.startswith("parts") and "train" in line for line in lines)
    assert any("█" in line for line in lines)


def test_a_file_is_shown_with_its_columns_and_then_with_its_target(tmp_path, capsys):
    path = tmp_path / "flowers.csv"
    path.write_text("a,kind\n" + "".join(f"{index}.5,{'red' if index % 2 else 'blue'}\n" for index in range(40)))
    assert main(["datasets", str(path)]) == 0
    out = capsys.readouterr().out
    assert "kind  text, 2 values" in out
    assert "--target 'kind'" in out
    assert main(["datasets", str(path), "--target", "kind"]) == 0
    out = capsys.readouterr().out
    assert "classification into 2 classes" in out
    assert "blue 20 " in out


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["no.csv"], ["no.csv", "--target", "x"], ["--search", "zzz"], ["iris", "--search", "x"]]
)
def test_what_is_not_there_is_one_line(arguments, capsys):
    assert main(["datasets", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


# ---- text ----


def test_a_bar():
    assert bar(0.5, 4) == "██  "
    assert bar(0.28125, 4) == "█▏  "
    assert bar(1e-9, 4) == "▏   "
    assert bar(0.5, 4, ascii_only=True) == "##  "
    assert [bar(share, 2) for share in (0.0, float("nan"), -3.0, float("inf"), 7.0)] == ["  ", "  ", "  ", "██", "██"]


def test_fit_and_cut_count_cells():
    assert fit("abcdef", 4) == "abc…"
    assert fit("日本語", 4) == "日… "
    assert fit("12", 4, right=True) == "  12"
    assert fit("日本", 4, ascii_only=True) == "??  "
    assert fit("a\x1b[31m", 9).isprintable()
    assert cut("日本語", 5) == "日本"


def test_a_table():
    header, rows = ("size", "kind"), [("1.5", "red"), ("-20", "blue")]
    assert table(header, rows, 40) == ["size  kind", " 1.5  red", " -20  blue"]


def test_a_table_that_is_too_wide_keeps_its_last_column():
    header = [f"column {index}" for index in range(9)] + ["kind"]
    lines = table(header, [["1"] * 9 + ["red"]], 42)
    assert lines[0].split("  ") == ["column 0", "column 1", "column 2", "…", "kind"]
    assert lines[1].endswith("red")


@given(
    st.lists(st.text(max_size=12), max_size=6),
    st.lists(st.lists(st.text(max_size=12), max_size=7), max_size=4),
    st.integers(-1, 50),
    st.booleans(),
)
def test_a_table_never_fails_and_never_is_too_wide(header, rows, width, ascii_only):
    assert all(cells(line) <= max(0, width) for line in table(header, rows, width, ascii_only))


@given(st.lists(st.text(max_size=12), max_size=15), st.lists(st.integers(0, 10**9), max_size=15), st.integers(0, 50))
def test_a_balance_never_fails_and_is_as_wide_as_asked(names, counts, width):
    assert all(cells(line) == width for line in balance(names, counts, width))


@given(st.lists(st.integers(0, 10**6), max_size=30), st.floats(), st.floats(), st.integers(0, 60))
def test_a_spread_never_fails_and_is_as_wide_as_asked(counts, low, high, width):
    assert all(cells(line) == width for line in spread(Histogram(low, high, tuple(counts)), width))


def test_columns_fit_the_width(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"a rather long name {index}" for index in range(30)) + "\n" + ",".join(["1"] * 30) + "\n")
    assert max(map(cells, list_columns(peek_columns(str(path)), 80))) <= 80
