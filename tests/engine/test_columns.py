"""A light look at the columns of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import DataError
from engine.data.columns import LINES, peek_columns


@pytest.fixture
def write(tmp_path):
    def make(content: str | bytes, name: str = "some.csv") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return make


def test_kinds_and_rows(write):
    path = write("id;size;note;gone\n1;1.5;a;\n2;-2e3;b;NA\n3;?;a;\n")
    seen = peek_columns(path)
    assert seen.names == ("id", "size", "note", "gone")
    assert seen.kinds == ("whole", "number", "text", "empty")
    assert seen.delimiter == ";"
    assert seen.rows == (("1", "1.5", "a", ""), ("2", "-2e3", "b", "NA"), ("3", "?", "a", ""))
    assert (seen.distinct, seen.missing) == ((3, 2, 2, 0), (0, 1, 0, 3))
    assert (seen.looked_at, seen.complete) == (3, True)
    assert seen.words(0) == "whole numbers"
    assert seen.words(1) == "numbers, 1 missing"
    assert seen.words(2) == "text, 2 values"
    assert seen.words(3) == "empty"


def test_the_likely_target(write):
    assert peek_columns(write("a,b,c\n1,2,3\n")).likely_target == 2
    assert peek_columns(write("a,Species,c\n1,2,3\n")).likely_target == 1


def test_only_the_beginning_is_read(write, monkeypatch):
    path = write("a,b\n" + "1,2\n" * 500_000)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read whole"))
    seen = peek_columns(path)
    assert (seen.looked_at, seen.complete) == (LINES - 1, False)


def test_long_lines_are_cut_at_the_last_whole_one(write):
    row = ",".join(["1"] * 20_000)
    seen = peek_columns(write(",".join(f"c{index}" for index in range(20_000)) + "\n" + f"{row}\n" * 50))
    assert len(seen.names) == 20_000
    assert 1 <= seen.looked_at < 50
    assert all(len(cells) == 20_000 for cells in seen.rows)


def test_a_quote_that_is_open_where_the_look_ends(write):
    text = "a,b\n" + "1,2\n" * (LINES - 3) + '3,"' + "x\n" * 50 + '"\n'
    assert peek_columns(write(text)).looked_at == LINES - 3


def test_a_tsv_and_a_byte_order_mark(write):
    seen = peek_columns(write(b"\xef\xbb\xbfa,x\tb\n1\t2\n", "some.tsv"))
    assert seen.names == ("a,x", "b")


def test_foreign_text_is_safe(write):
    seen = peek_columns(write('a\x1b]0;owned\x07,b\n1,"x\x1b[31m"\n'))
    assert "\x1b" not in repr(seen).replace("\\x1b", "\x1b")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("just one\n1\n", "only one column"),
        (b"\xff\xfea\x00b\x00", "UTF-16"),
        (b"a,b\n1,\x00\n", "NUL"),
        (b"a,b\n1,\xe9\n", "not UTF-8"),
        ('a,b\n1,"x\n', "never closed"),
    ],
)
def test_a_bad_file_is_one_fault(write, content, problem):
    with pytest.raises(DataError) as caught:
        peek_columns(write(content))
    assert len(caught.value.faults) == 1
    assert problem in caught.value.faults[0].line()


@pytest.mark.parametrize("path", ["/nosuch.csv", "/", "a\0b", "~nosuchuser/x.csv", "/dev/null"])
def test_a_bad_path_is_one_fault(path):
    with pytest.raises(DataError) as caught:
        peek_columns(path)
    assert len(caught.value.faults) == 1
