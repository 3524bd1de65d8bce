"""Reading CSV files: what is right comes through exactly, what is wrong is said with its line, all at once."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config import DataConfig
from engine.data.prepared import load_prepared
from engine.data.table import Table, load
from engine.errors import DataError, Fault

Writer = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write text or bytes to a file and give its path."""

    def write(content: str | bytes, name: str = "data.csv") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def read(path: str, target: str = "y", **knobs) -> Table:
    return load(DataConfig(source=path, target=target, **knobs))


def faults(path: str, target: str = "y", **knobs) -> list[Fault]:
    """The faults of a file that must be refused, each of which must be one safe line."""
    with pytest.raises(DataError) as caught:
        read(path, target, **knobs)
    for fault in caught.value.faults:
        assert fault.line().isprintable()
        assert len(fault.line()) <= 400
    return list(caught.value.faults)


def only(path: str, target: str = "y", **knobs) -> Fault:
    (fault,) = faults(path, target, **knobs)
    return fault


def rows(count: int = 12, change: dict[int, str] | None = None, header: str = "a,b,y") -> str:
    """A sound file of `count` rows, but for the lines (from 1, the header being line 1) in `change`."""
    lines = [header, *(f"{index},{index * 0.5},{'yn'[index % 2]}" for index in range(count))]
    for line, text in (change or {}).items():
        lines[line - 1] = text
    return "\n".join(lines) + "\n"


# ---- what is right ----


def test_breast_cancer_round_trips(write: Writer) -> None:
    original = load(DataConfig(source="breast_cancer"))
    names = [*original.feature_names, "diagnosis"]
    lines = [",".join(names)]
    for x, y in zip(original.x.tolist(), original.y, strict=True):
        lines.append(",".join([*map(repr, x), original.class_names[y]]))
    path = write("\n".join(lines))
    table = read(path, "diagnosis")
    # Classes are sorted by name: benign before malignant, the other way round than in scikit-learn.
    assert table.class_names == ("benign", "malignant")
    assert np.array_equal(table.x, original.x)
    assert np.array_equal(table.y, 1 - original.y)
    assert table.feature_names == original.feature_names
    assert (table.task, table.image_shape, table.name) == ("classification", None, "data")
    prepared = load_prepared(DataConfig(source=path, target="diagnosis"))
    assert prepared.x_train.shape == (455, 30)


def test_types_and_order_of_columns(write: Writer) -> None:
    table = read(write("y,b, a \n" + "".join(f"{i % 3},{i}.5,-{i}e2\n" for i in range(12))))
    assert table.feature_names == ("b", "a")
    assert table.x.dtype == np.float32
    assert table.x.flags.c_contiguous
    assert table.y.dtype == np.int64
    assert table.x[3].tolist() == [3.5, -300.0]
    assert table.class_names == ("0", "1", "2")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(write: Writer, delimiter: str) -> None:
    table = read(write(rows().replace(",", delimiter)))
    assert table.x.shape == (12, 2)


def test_a_delimiter_inside_quotes_does_not_mislead(write: Writer) -> None:
    text = '"a;b;c;d",x,y\n' + "".join(f"{i},{i},k\n{i},{i},l\n" for i in range(8))
    assert read(write(text)).feature_names == ("a;b;c;d", "x")


def test_a_comma_in_the_header_does_not_mislead(write: Writer) -> None:
    text = "height, in cm;y\n" + "".join(f"{i};k\n{i};l\n" for i in range(8))
    assert read(write(text)).feature_names == ("height, in cm",)


def test_tsv_is_tab_separated_whatever_it_holds(write: Writer) -> None:
    text = "a,b,c\ty\n" + "".join(f"{i}\tp,q,r\n{i}\ts,t,u\n" for i in range(8))
    table = read(write(text, "data.TSV"))
    assert (table.feature_names, table.class_names) == (("a,b,c",), ("p,q,r", "s,t,u"))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_byte_order_mark(write: Writer, ending: str) -> None:
    table = read(write(b"\xef\xbb\xbf" + rows().replace("\n", ending).encode()))
    assert table.feature_names == ("a", "b")
    assert table.class_names == ("n", "y")
    fault = only(write(rows(12, {5: "1,x,y"}).replace("\n", ending)))
    assert fault.where.endswith(":5")


def test_blank_lines_are_passed_over_and_counted(write: Writer) -> None:
    assert read(write("\n\n" + rows().replace("\n", "\n\n"))).x.shape == (12, 2)
    fault = only(write("\n\n" + rows(12, {4: "\n\n1,x,y"})))
    assert fault.where.endswith(":8")


def test_home_is_expanded(write: Writer, tmp_path: Path, monkeypatch) -> None:
    write(rows())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("~/data.csv").x.shape == (12, 2)


def test_spaces_around_cells_do_not_matter(write: Writer) -> None:
    text = 'a , "b", y\n' + "".join(f" {i} , {i} , {'yes' if i % 2 else 'no '} \n" for i in range(12))
    table = read(write(text))
    assert (table.feature_names, table.class_names) == (("a", "b"), ("no", "yes"))


# ---- the task ----


def column(values: list[str]) -> str:
    return "a,y\n" + "".join(f"{index},{value}\n" for index, value in enumerate(values))


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["yes", "no"] * 6, "classification"),
        (["True", "False"] * 6, "classification"),
        (["0", "1", "2"] * 4, "classification"),
        (["1.0", "2.0"] * 6, "classification"),
        (["1", "2", "other"] * 4, "classification"),
        ([str(i) for i in range(12)], "regression"),
        ([str(i % 21) for i in range(200)], "regression"),
        ([str(i % 20) for i in range(200)], "classification"),
        (["0.5", "1.5"] * 6, "regression"),
    ],
)
def test_auto_task(write: Writer, values: list[str], task: str) -> None:
    table = read(write(column(values)))
    assert table.task == task
    if task == "regression":
        assert table.y.dtype == np.float32
        assert table.class_names == ()
        assert table.y.tolist() == [float(value) for value in values]
    else:
        assert [table.class_names[code] for code in table.y] == [value.removesuffix(".0") for value in values]


def test_the_task_can_be_said(write: Writer) -> None:
    path = write(column(["0", "1"] * 6))
    assert read(path, task="regression").task == "regression"
    path = write(column([str(i % 30) for i in range(90)]))
    assert len(read(path, task="classification").class_names) == 30


def test_numeric_classes_are_sorted_as_numbers_and_equal_ones_are_one(write: Writer) -> None:
    table = read(write(column(["10", "9", "9.0", "-1.5", "010"] * 4)), task="classification")
    assert table.class_names == ("-1.5", "9", "10")
    assert table.y[:5].tolist() == [2, 1, 1, 0, 2]


def test_long_ids_stay_apart(write: Writer) -> None:
    table = read(write(column(["9007199254740992", "9007199254740993"] * 6)))
    assert table.class_names == ("9007199254740992", "9007199254740993")


def test_a_slip_in_a_quantity_is_not_taken_for_classes(write: Writer) -> None:
    fault = only(write(column([*(f"{i}.25" for i in range(40)), "4O.25"])))
    assert fault.key == "data.target"
    assert fault.problem == "column 'y': '4O.25' is not a number"
    assert fault.where.endswith("data.csv:42")


# ---- the file ----


def test_missing_file(tmp_path: Path) -> None:
    fault = only(str(tmp_path / "no.csv"))
    assert (fault.key, fault.problem) == ("data.source", "no such file")
    assert fault.where.endswith("no.csv")


def test_folder_and_device(tmp_path: Path) -> None:
    assert only(str(tmp_path)).problem.startswith("no pictures")
    (tmp_path / "a.csv").mkdir()
    assert only(str(tmp_path / "a.csv")).problem == "this is a folder, not a file"
    assert only("/dev/zero").problem == "this is not a regular file"


def test_unreadable_file(write: Writer) -> None:
    path = write(rows())
    os.chmod(path, 0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert only(path).problem == "cannot be read: Permission denied"


def test_a_failing_read_is_one_line(write: Writer, monkeypatch) -> None:
    def fail(self: Path) -> bytes:
        raise OSError(5, "Input/output error")

    path = write(rows())
    monkeypatch.setattr(Path, "read_bytes", fail)
    fault = only(path)
    assert (fault.key, fault.problem) == ("data.source", "cannot be read: Input/output error")


@pytest.mark.parametrize("source", ["~no-such-user-here/x.csv", "a\0b/x.csv", "/" + "x" * 5000 + ".csv"])
def test_unusable_paths(source: str) -> None:
    assert only(source).key == "data.source"


@pytest.mark.parametrize("content", ["", "\n", " \n\t\n", '""', b"\xef\xbb\xbf", '""\n""\n'])
def test_empty_file(write: Writer, content: str | bytes) -> None:
    fault = only(write(content))
    assert (fault.key, fault.problem) == ("data.source", "the file is empty")


def test_header_only(write: Writer) -> None:
    fault = only(write("a,b,y\n"))
    assert (fault.key, fault.problem) == ("data.source", "no rows below the header")


def test_too_few_rows(write: Writer) -> None:
    fault = only(write(rows(9)))
    assert (fault.key, fault.problem, fault.hint) == (
        "data.source",
        "only 9 rows below the header",
        "at least 10 are needed",
    )
    assert read(write(rows(10))).x.shape == (10, 2)


def test_latin_1(write: Writer) -> None:
    fault = only(write(rows(12, {7: "1,2,caf\xe9"}).encode("latin-1")))
    assert (fault.key, fault.problem) == ("data.source", "byte 0xe9 is not UTF-8 text")
    assert fault.where.endswith(":7")


def test_latin_1_after_carriage_returns_and_a_mark(write: Writer) -> None:
    body = rows(12, {7: "1,2,\xe9"}).replace("\n", "\r\n").encode("latin-1")
    assert only(write(b"\xef\xbb\xbf" + body)).where.endswith(":7")


def test_nul_and_utf_16(write: Writer) -> None:
    fault = only(write(rows(12, {3: "1,\0,y"})))
    assert fault.problem.startswith("a NUL byte")
    assert fault.where.endswith(":3")
    assert only(write(rows().encode("utf-16"))).problem == "the file is UTF-16 text, not UTF-8"


# ---- the header and the target ----


def test_no_target(write: Writer) -> None:
    fault = only(write(rows()), "")
    assert (fault.key, fault.problem, fault.hint) == ("data.target", "name the column to predict", "columns: a, b, y")
    many = ",".join(f"c{index}" for index in range(20))
    path = write(many + "\n" + (",".join("1" * 20) + "\n") * 12)
    assert only(path, " ").hint.endswith("c10, c11 and 8 more")


def test_no_such_target(write: Writer) -> None:
    path = write(rows(header="age,income,label"))
    fault = only(path, "Lable")
    assert (fault.key, fault.problem) == ("data.target", "no column called 'Lable'")
    assert fault.hint == "did you mean 'label'? columns: age, income, label"
    assert only(path, "zzz").hint == "columns: age, income, label"


def test_header_faults_come_together(write: Writer) -> None:
    found = faults(write(rows(header="a,,a,y", change={4: "1,2"})), "q")
    assert [(fault.key, fault.problem) for fault in found[:3]] == [
        ("data.source", "column 2 has no name"),
        ("data.source", "2 columns are called 'a'"),
        ("data.target", "no column called 'q'"),
    ]
    assert all(fault.where.endswith(":1") for fault in found[:3])
    assert {fault.where.rpartition(":")[2] for fault in found[3:-1]} == {str(line) for line in range(2, 12)}


def test_a_single_column(write: Writer) -> None:
    fault = only(write("y\n" + "k\nl\n" * 8))
    assert (fault.key, fault.problem) == ("data.source", "there is only one column")


def test_hostile_header_and_cells_are_shown_safely(write: Writer) -> None:
    bad = "\x1b]0;owned\x07\u202ered[/foo]"
    path = write(rows(header=f"{bad},b,y", change={3: "\x1b[2J,1,y", 4: "x\x9bm,1,y"}))
    found = faults(path)
    assert len(found) == 2
    assert all(fault.problem.startswith("column '\ufffd]0;owned\ufffd\ufffdred[/foo]': '") for fault in found)
    assert only(path, "").key == "data.target"
    assert only(path, bad + "x").key == "data.target"
    table = read(write(rows(header=f"{bad},b,y").replace(",n\n", ",\x1b[31mn\n")))
    assert all(name.isprintable() for name in (*table.feature_names, *table.class_names))
    # The target can be given as it stands in the file, or as it was shown.
    assert read(write(rows(header=f"y,b,{bad}")), bad).feature_names == ("y", "b")
    assert read(write(rows(header=f"y,b,{bad}")), "\ufffd]0;owned\ufffd\ufffdred[/foo]").feature_names == ("y", "b")


def test_hostile_path_is_shown_safely(write: Writer) -> None:
    fault = only(write(rows(12, {3: "x,1,y"}), "d\x1b[31m\n.csv"))
    assert fault.where.endswith("d\ufffd[31m .csv:3")


# ---- the rows ----


def test_width_of_rows(write: Writer) -> None:
    found = faults(write(rows(14, {4: "1,2", 6: "1,2,3,4"})))
    assert [(fault.where.rpartition(":")[2], fault.problem) for fault in found] == [
        ("4", "too few fields: 2, where the header has 3"),
        ("6", "too many fields: 4, where the header has 3"),
    ]
    assert {fault.key for fault in found} == {"data.source"}


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("abc", "column 'b': 'abc' is not a number"),
        ("1_000", "column 'b': '1_000' is not a number"),
        ("0x10", "column 'b': '0x10' is not a number"),
        ("", "column 'b' is empty"),
        ("  ", "column 'b' is empty"),
        ("nan", "column 'b': 'nan' is not a finite number"),
        ("-inf", "column 'b': '-inf' is not a finite number"),
        ("1e39", "column 'b': '1e39' is beyond the range of 32-bit floats"),
        ("-1e39", "column 'b': '-1e39' is beyond the range of 32-bit floats"),
        ("-1e999", "column 'b': '-1e999' is beyond the range of 32-bit floats"),
        ("x" * 100, "column 'b': '" + "x" * 29 + "…' is not a number"),
    ],
)
def test_cells_that_are_no_inputs(write: Writer, cell: str, problem: str) -> None:
    fault = only(write(rows(12, {5: f"3,{cell},y"})))
    assert (fault.key, fault.problem) == ("data.source", problem)
    assert fault.where.endswith("data.csv:5")
    assert fault.hint


def test_flaws_that_cancel_out_are_found(write: Writer) -> None:
    # Sums and products of a row must not be able to hide anything.
    found = faults(write(rows(12, {5: "inf,-inf,y", 6: "1e39,-1e39,y", 7: "nan,1e39,y"})))
    assert len(found) == 6
    assert read(write(rows(12, {5: "3e38,3e38,y"}))).x[3].tolist() == [np.float32(3e38)] * 2


def test_all_faults_at_once_in_the_order_of_lines(write: Writer) -> None:
    found = faults(write(rows(20, {5: "x,1,y", 3: "1,z,n", 9: ",1,n", 11: "1", 13: "1,1,"})))
    assert [(fault.key, fault.where.rpartition(":")[2]) for fault in found] == [
        ("data.source", "11"),
        ("data.source", "9"),
        ("data.source", "3"),
        ("data.source", "5"),
        ("data.target", "13"),
    ]


def test_faults_of_one_sort_are_capped_and_counted(write: Writer) -> None:
    change = dict.fromkeys(range(10, 23), "x,z,y") | {30: "1", 31: ",1,y"}
    found = faults(write(rows(40, change)))
    assert [fault.problem for fault in found].count("column 'a': 'x' is not a number") == 5
    assert [fault.where.rpartition(":")[2] for fault in found[2:12]] == [
        str(line) for line in range(10, 15) for _ in "ab"
    ]
    assert found[12].problem == "16 more cells that are not numbers"
    assert len(found) == 13
    widths = faults(write(rows(40, dict.fromkeys(range(5, 20), "1"))))
    assert len(widths) == 11
    assert widths[-1].problem == "5 more rows with too many or too few fields"


def test_a_text_column_is_one_fault(write: Writer) -> None:
    fault = only(write(rows(30).replace(",0", ",x0").replace(".5", "y").replace(".0", "x")))
    problem = "column 'b' has 30 different values in 30 rows, too many to be categories ('x0x')"
    assert (fault.key, fault.problem) == ("data.ignore", problem)
    assert fault.hint == "leave it out: set data.ignore to b"


def test_empty_and_decimal_comma_columns_are_one_fault(write: Writer) -> None:
    text = "a;b;c;y\n" + "".join(f"{i};{i},5;;{'kl'[i % 2]}\n" for i in range(12))
    comma, empty = faults(write(text))
    assert comma.problem == "column 'b' has decimal commas ('0,5')"
    assert comma.hint == "write numbers with a decimal point"
    assert empty.problem == "column 'c' is empty"


def test_many_text_columns_are_capped(write: Writer) -> None:
    names = [f"t{index}" for index in range(15)]
    text = ",".join([*names, "y"]) + "\n" + "".join(f"w{row}," * 15 + "kl"[row % 2] + "\n" for row in range(16))
    found = faults(write(text))
    assert len(found) == 11
    assert found[0].hint == f"leave it out: set data.ignore to {', '.join(names)}"
    assert found[-1].problem == "5 more columns to be left out"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_right_after_quoted_line_breaks(write: Writer, ending: str) -> None:
    # Rows on lines 2-4, 5 and 6-7; in the third, the target takes line 6 and the broken cell stands on line 7.
    text = ending.join(
        ["y,a", '"k\nk\nk",1'.replace("\n", ending), "l,bad", f'"m{ending}m",worse', *(f"{c},1" for c in "klmklmkl")]
    )
    found = faults(write(text))
    assert [(fault.where.rpartition(":")[2], fault.problem) for fault in found] == [
        ("5", "column 'a': 'bad' is not a number"),
        ("7", "column 'a': 'worse' is not a number"),
    ]


def test_lines_of_the_target_are_right_after_quoted_line_breaks(write: Writer) -> None:
    text = "a,y\n" + "".join(f"{i},{'kl'[i % 2]}\n" for i in range(12)) + '"\n13\n",\n'
    fault = only(write(text))
    assert (fault.key, fault.problem) == ("data.target", "column 'y' is empty")
    assert fault.where.endswith(":16")


def test_a_gigantic_cell(write: Writer) -> None:
    limit = csv.field_size_limit()
    fault = only(write(rows(12, {4: "1," + "7" * 200_000 + ",y"})))
    assert (fault.key, fault.problem) == ("data.source", f"a cell of more than {limit} characters")
    assert fault.where.endswith(":4")
    assert csv.field_size_limit() == limit
    assert only(write("a" * 200_000 + ",y\n1,2\n")).where.endswith(":1")
    assert only(write(rows(12, {4: "1," + "7" * 100_000 + ",y"}))).problem.endswith(
        "is beyond the range of 32-bit floats"
    )
    found = faults(write(column(["1", "2", "7" * 100_000] * 10)))
    assert {fault.key for fault in found} == {"data.target"}


def test_a_quote_that_is_never_closed(write: Writer) -> None:
    fault = only(write(rows(30, {15: '1,"2,y'})))
    assert (fault.key, fault.problem) == ("data.source", "a quoted cell that is never closed")
    assert fault.where.endswith(":15")
    misplaced = only(write(rows(30, {15: '1,"2"3,y'})))
    assert misplaced.problem == "a quote in the wrong place"
    assert misplaced.where.endswith(":15")


def test_faults_before_a_broken_quote_are_kept(write: Writer) -> None:
    found = faults(write(rows(30, {4: "x,1,y", 6: "1", 15: '1,"2,y'})))
    assert [fault.where.rpartition(":")[2] for fault in found] == ["6", "4", "15"]


# ---- the target column ----


def test_single_class(write: Writer) -> None:
    fault = only(write(column(["k"] * 12)))
    assert fault.key == "data.target"
    assert fault.problem == "column 'y' has a single class, so there is nothing to tell apart"


def test_constant_quantity(write: Writer) -> None:
    fault = only(write(column(["2.5"] * 12)))
    assert (fault.key, fault.problem) == ("data.target", "column 'y' has the same value in every row")


def test_too_many_classes(write: Writer) -> None:
    fault = only(write(column([f"name{index}" for index in range(12)])))
    assert fault.key == "data.target"
    assert fault.problem == "column 'y' has 12 different values in 12 rows, too many to be classes"


def test_missing_classes(write: Writer) -> None:
    found = faults(write(column([*"klklklklkl", "", "NaN"])))
    assert [(fault.key, fault.problem, fault.where.rpartition(":")[2]) for fault in found] == [
        ("data.target", "column 'y' is empty", "12"),
        ("data.target", "column 'y' is empty", "13"),
    ]


def test_regression_needs_numbers(write: Writer) -> None:
    found = faults(write(column([*map(str, range(15)), "inf", "tall", "", "1e40", "2_0"])), task="regression")
    assert [(fault.problem, fault.where.rpartition(":")[2]) for fault in found] == [
        ("column 'y' is empty", "19"),
        ("column 'y': 'tall' is not a number", "18"),
        ("column 'y': '2_0' is not a number", "21"),
        ("column 'y': 'inf' is not a finite number", "17"),
        ("column 'y': '1e40' is beyond the range of 32-bit floats", "20"),
    ]
    assert {fault.key for fault in found} == {"data.target"}


def test_faults_of_the_target_are_capped(write: Writer) -> None:
    found = faults(write(column(["k", "l"] * 6 + [""] * 25)))
    assert len(found) == 11
    assert (found[-1].key, found[-1].problem) == ("data.target", "15 more cells that are empty")


# ---- any file at all ----


@given(st.one_of(st.binary(max_size=200), st.text('ay1.,;"\n\r\t|e_- \x00\x1b\ufeff', max_size=120).map(str.encode)))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_ends_in_a_traceback(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    for target in ("y", "", "a"):
        try:
            read(str(path), target)
        except DataError as error:
            assert all(fault.line().isprintable() for fault in error.faults)
            assert all(fault.key in ("data.source", "data.target") for fault in error.faults)


@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=10,
        max_size=20,
    )
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_come_through_exactly(tmp_path: Path, values: list[list[float]]) -> None:
    path = tmp_path / "numbers.csv"
    lines = [f"{a!r},{b!r},{index},{c!r}" for index, (a, b, c) in enumerate(values)]
    path.write_text("\n".join(["a,b,y,c", *lines]))
    table = read(str(path))
    assert np.array_equal(table.x, np.array(values, dtype=np.float32))


def test_a_large_file_is_read_quickly(write: Writer) -> None:
    # 20,000 rows of 30 columns, a fifth of what is meant by large; the bound is loose, for slow machines.
    numbers = np.random.default_rng(0).normal(size=(200, 30))
    block = "".join(",".join(f"{value:.6f}" for value in row) + f",{index % 3}\n" for index, row in enumerate(numbers))
    path = write(",".join([*(f"c{index}" for index in range(30)), "y"]) + "\n" + block * 100)
    start = time.process_time()
    assert read(path).x.shape == (20_000, 30)
    assert time.process_time() - start < 2
