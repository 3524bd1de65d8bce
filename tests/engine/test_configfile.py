"""TOML and --set: every fault at once, each on its line; and what is written is read back equal."""

from __future__ import annotations

import tomllib
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.strategies import TEXT, configs, knob_values

from engine import ConfigError, InputError, RunConfig, build_config, dump_config, load_config
from engine.configfile import check, template, to_nested
from engine.knobs import knob_by_key, knobs, show

OPTIMIZERS = ", ".join(knob_by_key()["optimizer.name"].choices)


def refused(*args, **kwargs) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build_config(*args, **kwargs)
    return [fault.line() for fault in caught.value.faults]


def test_all_faults_at_once_each_with_its_line(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(
        "lr = 0.1\n"
        "[optimizer]\n"
        'name = "adma"   # a slip\n'
        "lr = -1.0\n"
        "momntum = 0.9\n"
        "\n"
        "[run]\n"
        'epochs = "ten"\n'
        "seed = true\n"
        "[modle]\n"
        "kind = 1\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["run.batch_size=-1", "run.lr=1", "nonsense", "model.hidden=a,b"])
    lines = [fault.line().replace(str(path), "bad.toml") for fault in caught.value.faults]
    assert sorted(lines) == sorted(
        [
            "bad.toml:1: lr: unknown knob; did you mean optimizer.lr?",
            "bad.toml:10: modle: unknown section; did you mean model?",
            "--set: run.lr: unknown knob; did you mean optimizer.lr?",
            "--set: 'nonsense' needs key=value; for example --set optimizer.lr=0.01",
            "--set: model.hidden: must be whole numbers such as 128, 64, got 'a,b'",
            f"bad.toml:3: optimizer.name: must be one of {OPTIMIZERS}, got 'adma'; did you mean 'adam'?",
            "bad.toml:4: optimizer.lr: must be more than 0, got -1.0; allowed: > 0, <= 1000",
            "bad.toml:5: optimizer.momntum: unknown knob; did you mean optimizer.momentum?",
            "bad.toml:8: run.epochs: must be a whole number, got 'ten'; allowed: >= 1, <= 1000000",
            "bad.toml:9: run.seed: must be a whole number, got true; allowed: >= 0, <= 2147483647",
            "--set: run.batch_size: must be at least 0, got -1; allowed: >= 0",
        ]
    )


@pytest.mark.parametrize(
    ("nested", "expected"),
    [
        ({"optimizer": 5}, "optimizer: is a section, not a knob"),
        ({"optimizer": [{"lr": 1.0}]}, "optimizer: is a section, not a knob"),
        ({"model": {"hidden": []}}, None),
        ({"model": {"kind": "cnn", "channels": []}}, "model.channels: must not be empty"),
        ({"model": {"hidden": [8] * 65}}, "model.hidden: is too long: at most 64"),
        ({"model": {"hidden": [8, 0]}}, "model.hidden: must be at least 1, got 0"),
        ({"data": {"source": ""}}, "data.source: must not be empty"),
        ({"data": {"source": "digts"}}, "data.source: no dataset is called 'digts'; did you mean 'digits'?"),
        ({"data": {"source": "a.csv"}}, "data.target: a file needs the column to predict"),
        ({"data": {"source": "a\0.csv", "target": "y"}}, "data.source: must not contain a null byte"),
        ({"data": {"validation": 0.5, "test": 0.5}}, "data.test: validation and test together leave nothing"),
        ({"data": {"source": "wine"}, "model": {"kind": "cnn"}}, "model.kind: cnn needs pictures"),
        ({"data": {"source": "a.csv", "target": "y"}, "model": {"kind": "cnn"}}, "model.kind: cnn needs pictures"),
        ({"model": {"kind": "cnn", "kernel": 4}}, "model.kernel: must be odd, got 4"),
        ({"schedule": {"name": "cosine", "min_lr": 0.1}}, "schedule.min_lr: is above optimizer.lr"),
        ({"optimizer": {"lr": float("nan")}}, "optimizer.lr: must be a finite number, got nan"),
        ({"optimizer": {"clip_norm": float("inf")}}, "optimizer.clip_norm: must be a finite number, got inf"),
        ({"optimizer": {"lr": True}}, "optimizer.lr: must be a number, got true"),
        ({"run": {"name": "x" * 61}}, "run.name: is too long: at most 60"),
    ],
)
def test_a_value_that_cannot_be(nested, expected):
    if expected is None:
        build_config(nested)
        return
    lines = refused(nested)
    assert len(lines) == 1
    assert lines[0].startswith(expected)


@pytest.mark.parametrize(
    ("nested", "words"),
    [
        ({"optimizer": {"momentum": 0.5}}, "it counts only when optimizer.name is muon or rmsprop or sgd"),
        (
            {"optimizer": {"name": "sgd", "momentum": 0.0, "nesterov": True}},
            "it counts only when optimizer.momentum > 0",
        ),
        ({"optimizer": {"rho": 0.5}}, "it counts only when optimizer.name is adadelta"),
        ({"model": {"kind": "linear", "hidden": [8]}}, "it counts only when model.kind is mlp or cnn"),
        ({"data": {"noise": 0.1}}, "it counts only when data.source is a generated set"),
        ({"data": {"target": "y"}}, "it counts only when data.source is a file"),
        ({"early_stopping": {"enabled": False, "patience": 3}}, "it counts only when early_stopping.enabled is on"),
        (
            {"schedule": {"gamma": 0.1}},
            "it counts only when schedule.name is exponential or multistep or plateau or step",
        ),
    ],
)
def test_a_knob_without_effect_is_refused(nested, words):
    lines = refused(nested)
    assert len(lines) == 1
    assert words in lines[0]
    assert lines[0].endswith("; remove it")


def test_a_wrong_choice_does_not_drag_its_knobs_along():
    assert len(refused({"optimizer": {"name": "sdg", "momentum": 0.5}})) == 1


def test_set_wins_over_the_file_and_drops_what_it_overrules(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        '[optimizer]\nname = "sgd"\nlr = 0.1\nmomentum = 0.8\nnesterov = true\n[schedule]\nname="step"\nstep_size=3\n'
    )
    config = load_config(
        path, ["optimizer.name=adam", "schedule.name = constant", "optimizer.lr=1e-2", "optimizer.lr=2e-2"]
    )
    assert config.optimizer.name == "adam"
    assert config.optimizer.lr == 0.02
    assert config.optimizer.momentum == RunConfig().optimizer.momentum
    assert config.schedule.step_size == RunConfig().schedule.step_size
    assert load_config(path, ["optimizer.momentum=0"]).optimizer.nesterov is False
    # What the setting itself says is kept, and refused when it means nothing.
    with pytest.raises(ConfigError, match=r"--set: optimizer\.momentum: has no effect"):
        load_config(path, ["optimizer.name=adam", "optimizer.momentum=0.5"])
    assert load_config(path) == load_config(path, [])


@given(configs())
def test_toml_round_trip(config):
    text = dump_config(config)
    assert build_config(tomllib.loads(text)) == config
    assert tomllib.loads(text) == to_nested(config)


@given(st.data())
def test_every_knob_can_be_set_as_it_is_shown(data):
    config = data.draw(configs())
    nested = to_nested(config)
    rows = [row for row in knobs() if row.key.split(".", 1)[1] in nested.get(row.section, {})]
    given_values = [
        f"{row.key}={show(row, getattr(getattr(config, row.section), row.key.split('.', 1)[1]))}" for row in rows
    ]
    assert build_config({}, given_values) == config


def test_the_template_is_the_defaults():
    text = template()
    assert build_config(tomllib.loads(text)) == RunConfig()
    for row in knobs():
        assert f"\n{row.key.split('.', 1)[1]} = " in text or f"\n#: {row.key.split('.', 1)[1]} = " in text


def test_the_template_holds_the_knobs_of_other_choices_too():
    values = {"sgd": "momentum", "cnn": "channels", "step": "step_size", "rmsprop": "centered"}
    for name in values.values():
        assert f"#: {name} = " in template()


NASTY = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["\x1b]0;owned\x07", "a\nb", "\r", "\x9b31m", "\u202e", "\u2028", "[red]x[/]", "\0"]
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=5,
)


def one_safe_line(text: str) -> bool:
    return all(unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") and char != "\u202e" for char in text)


@given(
    nested=st.dictionaries(
        st.sampled_from(list(RunConfig.model_fields)) | NASTY,
        st.dictionaries(st.sampled_from([key.split(".")[1] for key in knob_by_key()]) | NASTY, VALUE, max_size=3)
        | VALUE,
        max_size=4,
    ),
    settings_=st.lists(
        NASTY | st.tuples(st.sampled_from(list(knob_by_key())) | NASTY, NASTY).map("=".join), max_size=3
    ),
)
@settings(max_examples=150)
def test_anything_at_all_is_taken_or_refused_in_safe_single_lines(nested, settings_):
    try:
        build_config(nested, settings_, file="run.toml")
    except InputError as error:
        for fault in error.faults:
            line = fault.line()
            assert one_safe_line(line)
            assert 0 < len(line) <= 400


@given(st.data())
def test_check_reports_the_knob_that_was_changed(data):
    """A value out of its bounds is reported at its own knob, whatever the rest says."""
    config = data.draw(configs())
    nested = to_nested(config)
    rows = [row for row in knobs() if row.low is not None and row.key.split(".", 1)[1] in nested.get(row.section, {})]
    row = data.draw(st.sampled_from(rows))
    nested[row.section][row.key.split(".", 1)[1]] = type(row.default)((row.low or 0) - 1)
    refused_config, faults = check(nested)
    assert refused_config is None
    assert row.key in {fault.key for fault in faults}


@given(data=st.data(), name=TEXT.map(str.strip))
def test_a_config_made_in_python_is_written_out_to_the_same_run(data, name):
    """Knobs without effect may hold anything; what is read back differs in those at most."""
    row = data.draw(st.sampled_from([row for row in knobs() if row.key.startswith("optimizer.")]))
    section = {"lr": 0.5, row.key.split(".", 1)[1]: data.draw(knob_values(row))}
    config = RunConfig.model_validate({"optimizer": section, "run": {"name": name}})
    again = build_config(tomllib.loads(dump_config(config)))
    assert to_nested(again) == to_nested(config)
