"""Events: JSON both ways, and journals that were cut off, damaged or written by a newer version."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.strategies import events

from engine import read_journal
from engine.eventjson import from_json, to_json
from engine.events import TYPES, EpochEnded, EpochStarted, Event, Noted, Paused, RunStarted
from engine.journal import JournalSink


def same(one: object, other: object) -> bool:
    """Equal, NaN counted as equal to itself."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("kind", TYPES.values(), ids=list(TYPES))
@settings(max_examples=25)
@given(data=st.data())
def test_json_both_ways(kind, data):
    event = data.draw(events(kind))
    line = to_json(event)
    assert "\n" not in line
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = from_json(line)
    assert type(again) is kind
    assert same(again, event)


def test_every_event_is_registered_and_frozen():
    assert set(TYPES) == {kind.__name__ for kind in Event.__subclasses__()}
    with pytest.raises(AttributeError):
        Paused(epoch=1).epoch = 2  # pyright: ignore[reportAttributeAccessIssue]


def test_non_finite_figures_are_strings_in_json():
    line = to_json(figures(val_loss=math.nan, train_loss=math.inf))
    body = json.loads(line)
    assert (body["val_loss"], body["train_loss"]) == ("NaN", "Infinity")


def figures(**changes) -> EpochEnded:
    plain = dict.fromkeys(
        ("train_loss", "val_loss", "train_metric", "val_metric", "lr", "penalty", "grad_norm", "seconds"), 1.0
    )
    return EpochEnded(**{"epoch": 1, "samples_per_second": 1.0, "best_epoch": 1, **plain, **changes})


def test_a_newer_version_may_add_events_and_fields():
    assert from_json('{"event":"Teleported","epoch":3}') is None
    assert from_json('{"event":"Paused","epoch":3,"mood":"calm"}') == Paused(epoch=3)


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "null", "3", "[]", "{}", '"Paused"', '{"event":3}', '{"event":["Paused"]}', '{"event":"Paused"}',
        '{"event":"TestMeasured","epoch":1,"loss":"much","metric":1,"baseline":1}',
        '{"event":"TestMeasured","epoch":1,"loss":null,"metric":1,"baseline":1}',
        '{"event":"TestMeasured","epoch":1,"loss":1' + "0" * 400 + ',"metric":1,"baseline":1}',
        '{"event":"ModelBuilt","layers":7}', '{"event":"Noted","text":' + "[" * 20_000,
    ],
    ids=range(15),
)  # fmt: skip
def test_a_line_that_is_no_event(line):
    with pytest.raises(ValueError):
        from_json(line)


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_any_line_is_an_event_or_a_value_error(line):
    with contextlib.suppress(ValueError):
        from_json(line)


def written(path, items) -> bytes:
    sink = JournalSink(path)
    for item in items:
        sink.write(item)
    sink.close()
    return path.read_bytes()


def test_a_journal_cut_off_anywhere_gives_the_events_before(tmp_path):
    path = tmp_path / "events.jsonl"
    items = [EpochStarted(epoch=1), Noted(text="für immer ☃"), figures(val_loss=math.nan)]
    content = written(path, items)
    ends = [index + 1 for index, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        # A line whose newline alone is missing is whole.
        whole = sum(cut >= end - 1 for end in ends)
        assert same(list(read_journal(path)), items[:whole]), cut


def test_a_damaged_line_inside_is_named(tmp_path):
    path = tmp_path / "events.jsonl"
    content = written(path, [EpochStarted(epoch=1), Paused(epoch=1), Noted(text="end")])
    path.write_bytes(content.replace(b'"Paused"', b'"Pau\xff'))
    read = read_journal(path)
    assert next(read) == EpochStarted(epoch=1)
    with pytest.raises(ValueError, match=r"events\.jsonl:2: "):
        list(read)


def test_events_of_a_newer_version_and_blank_lines_are_passed_over(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event":"Teleported"}\n\n{"event":"Paused","epoch":2}\n')
    assert list(read_journal(path)) == [Paused(epoch=2)]


def test_appending_goes_on_where_the_journal_ends(tmp_path):
    path = tmp_path / "events.jsonl"
    written(path, [EpochStarted(epoch=1)])
    written(path, [EpochStarted(epoch=2)])
    assert list(read_journal(path)) == [EpochStarted(epoch=1), EpochStarted(epoch=2)]


def test_a_folder_whose_name_is_not_utf8_is_journalled(tmp_path):
    event = RunStarted(run="r", folder="/runs/\udcff", config={"model": {"hidden": [8, 4]}}, device="cpu")
    content = written(tmp_path / "events.jsonl", [event])
    assert json.loads(content)["folder"] == "/runs/\udcff"
    assert list(read_journal(tmp_path / "events.jsonl")) == [event]
