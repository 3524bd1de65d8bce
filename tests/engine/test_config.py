"""The knobs: strict types, bounds, and the same value whichever way it is written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.strategies import configs, knob_values

from engine import ConfigError, RunConfig, build_config, catalogue
from engine.data.catalogue import card, is_file
from engine.knobs import Knob, knob_by_key, knobs, parse, show, values, visible

WRONG = {
    "bool": [1, 0, "on", "true", 1.0, None, [True]],
    "int": [True, 1.0, 1.5, "1", None, [1], math.nan],
    "float": [True, "0.5", None, [0.5], math.nan, math.inf, -math.inf],
    "table": ["width", "a=None", 3, [1], {"a b": 1}, {"a": None}],
    "text": [1, True, None, ["digits"], {"a": "b"}],
    "choice": ["", "nosuch", 1, None, True, ["adam"]],
    "names": [1, True, None, [1], [""], [None], {"a": "b"}, '"a'],
    "ints": [128, "128", [1.5], [True], ["128"], [0], [-1], [65537], [None], {"a": 1}],
}


def ids(row: Knob) -> str:
    return row.key


def built(row: Knob, value: object) -> RunConfig:
    section, name = row.key.split(".", 1)
    return RunConfig.model_validate({section: {name: value}})


@pytest.mark.parametrize("row", knobs(), ids=ids)
def test_a_value_of_the_wrong_type_is_refused(row):
    for value in WRONG[row.kind]:
        if value is None and row.optional:
            continue
        with pytest.raises(ValidationError):
            built(row, value)


@pytest.mark.parametrize("row", [row for row in knobs() if row.low is not None or row.high is not None], ids=ids)
def test_bounds_hold_exactly(row):
    kind = int if row.kind == "int" else float
    for bound, is_open, outwards in ((row.low, row.low_open, -1), (row.high, row.high_open, 1)):
        if bound is None:
            continue
        beyond = bound + outwards if kind is int else math.nextafter(bound, outwards * math.inf)
        with pytest.raises(ValidationError):
            built(row, kind(beyond))
        if is_open:
            with pytest.raises(ValidationError):
                built(row, kind(bound))
        else:
            built(row, kind(bound))


def test_a_whole_number_does_for_a_real_knob():
    config = RunConfig.model_validate({"optimizer": {"lr": 1}})
    assert config.optimizer.lr == 1.0
    assert isinstance(config.optimizer.lr, float)


def test_a_config_is_frozen_through_and_through():
    config = RunConfig()
    with pytest.raises(ValidationError):
        config.run = None  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError):
        config.optimizer.lr = 1.0
    assert isinstance(config.model.hidden, tuple)


def test_unknown_sections_and_knobs_are_refused_by_the_model_too():
    for nested in ({"nosuch": {}}, {"run": {"nosuch": 1}}):
        with pytest.raises(ValidationError):
            RunConfig.model_validate(nested)


# What is shown and how a text is read hang on nothing of a knob but these.
ALIKE = [
    pytest.param(
        [row for row in knobs() if (row.kind, row.optional) == (kind, optional)], id=f"{kind}{' or none' * optional}"
    )
    for kind, optional in sorted({(row.kind, row.optional) for row in knobs()})
]


@pytest.mark.parametrize("rows", ALIKE)
@given(data=st.data())
def test_what_is_shown_is_read_back_equal(rows, data):
    row = data.draw(st.sampled_from(rows))
    value = data.draw(knob_values(row))
    read = parse(row, show(row, value))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("rows", ALIKE)
@given(text=st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(rows, text):
    try:
        parse(rows[0], text)
    except ValueError as error:
        assert str(error).startswith("must be ")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("run.epochs", "1e3", 1000),
        ("run.epochs", " 7 ", 7),
        ("optimizer.lr", "3e-4", 3e-4),
        ("optimizer.nesterov", "Yes", True),
        ("optimizer.nesterov", "0", False),
        ("model.hidden", "[128, 64]", (128, 64)),
        ("model.hidden", "128 64", (128, 64)),
        ("model.hidden", "", ()),
    ],
)
def test_the_ways_people_write_a_value(key, text, value):
    assert parse(knob_by_key()[key], text) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("run.epochs", "1.5"),
        ("run.epochs", "1e400"),
        ("run.epochs", "nan"),
        ("run.epochs", "9" * 5000),
        ("optimizer.lr", "fast"),
        ("optimizer.nesterov", "perhaps"),
        ("model.hidden", "12, x"),
    ],
)
def test_text_that_is_no_such_value_is_refused(key, text):
    with pytest.raises(ValueError, match="must be"):
        parse(knob_by_key()[key], text)


@pytest.mark.parametrize("row", knobs(), ids=ids)
def test_every_knob_says_what_a_form_needs(row):
    assert 2 <= len(row.label) <= 24
    assert row.help.count(". ") >= 1 or len(row.help) > 60, "two sentences, or a long one"
    assert row.help.endswith(".")
    assert row.summary.endswith(".")
    assert RunConfig.model_validate({row.section: {row.key.split(".", 1)[1]: row.default}}) == RunConfig()
    for condition in row.when:
        assert condition.key in knob_by_key()
        assert condition.words


def test_every_field_is_a_knob():
    fields = {
        f"{section}.{name}"
        for section, field in RunConfig.model_fields.items()
        for name in field.annotation.model_fields  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
    }
    assert fields == set(knob_by_key())
    assert set(values(RunConfig())) == fields


def test_knobs_of_other_choices_are_hidden():
    def shown(**changes):
        current = {row.key: row.default for row in knobs()} | {key.replace("__", "."): v for key, v in changes.items()}
        return {row.key for row in visible(current)}

    assert "optimizer.momentum" not in shown()
    assert {"optimizer.momentum", "optimizer.nesterov"} <= shown(optimizer__name="sgd")
    assert "optimizer.nesterov" not in shown(optimizer__name="sgd", optimizer__momentum=0.0)
    assert "model.hidden" not in shown(model__kind="linear")
    assert "model.channels" in shown(model__kind="cnn")
    assert "data.target" in shown(data__source="a.csv")
    assert "data.rows" in shown(data__source="moons")
    assert "data.rows" not in shown()
    assert "early_stopping.patience" not in shown(early_stopping__enabled=False)
    assert "early_stopping.restore_best" in shown(early_stopping__enabled=False)


@given(configs())
def test_knobs_and_config_agree(config):
    current = values(config)
    for row in visible(current):
        assert built(row, current[row.key]) is not None


def test_the_catalogue_is_found_by_name():
    assert [item.name for item in catalogue()] == [card(item.name).name for item in catalogue()]  # pyright: ignore[reportOptionalMemberAccess]
    assert card("nosuch") is None
    assert is_file("a.CSV")
    assert is_file("./digits")
    assert not is_file("digits")


def test_config_error_has_a_fault_for_each_knob():
    with pytest.raises(ConfigError) as caught:
        build_config({"optimizer": {"lr": -1.0}, "run": {"epochs": 0, "seed": -1}})
    assert {fault.key for fault in caught.value.faults} == {"optimizer.lr", "run.epochs", "run.seed"}
