"""Settings into TOML that a person wrote: equal when read back, byte for byte where nothing changed, comments kept."""

from __future__ import annotations

import contextlib
import os
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.strategies import configs

from engine import ConfigError, RunConfig, build_config, load_config
from engine.configfile import template, to_nested, toml_item
from engine.samples import samples
from engine.saving import save_config, to_toml, update_toml
from engine.tomlspans import entries


def read(text: str) -> RunConfig:
    return build_config(tomllib.loads(text))


@given(configs())
@settings(max_examples=50, deadline=None)
def test_a_new_text_is_read_back_equal_and_says_nothing_twice(config):
    text = to_toml(config)
    assert read(text) == config
    plain = build_config({})
    for section, content in tomllib.loads(text).items():
        for name in content:
            if f"{section}.{name}" != "data.source":
                without = {key: dict(part) for key, part in tomllib.loads(text).items()}
                del without[section][name]
                with contextlib.suppress(ConfigError):
                    assert build_config(without) != config, f"{section}.{name} need not be said"
    assert to_toml(plain) == '[data]\nsource = "digits"\n'


@st.composite
def written(draw: st.DrawFn, config: RunConfig) -> str:
    """`config` as a person may write it: tables under headers, with dots or in braces, any spelling, comments anywhere."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    count = iter(range(10_000))

    def comment() -> str:
        return f"# note {next(count)}: x = [1] 'é"

    def loose() -> list[str]:
        return draw(st.lists(st.sampled_from(["", "   ", comment(), "  " + comment()]), max_size=2))

    def key(name: str) -> str:
        return draw(st.sampled_from([name, f'"{name}"', f"'{name}'"]))

    def spelled(value: object, alone: bool) -> str:
        forms = [toml_item(value).as_string()]
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
            forms += [f"{int(value)}", f"{value:.3f}", f"{value:e}"]
        elif isinstance(value, int) and not isinstance(value, bool):
            forms += [f"{value:_}", f"0x{value:x}" if value >= 0 else str(value)]
        elif isinstance(value, str) and "'" not in value and value.isprintable():
            forms.append(f"'{value}'")
            if alone:
                forms.append(f"'''{newline}{value}'''")
        elif isinstance(value, list) and alone:
            inner = "".join(f"  {toml_item(one).as_string()}, {comment()}{newline}" for one in value)
            forms.append(f"[{newline}{inner}]")
        return draw(st.sampled_from(forms))

    dotted, headed = [], []
    for section, content in draw(st.permutations(list(to_nested(config).items()))):
        style = draw(st.sampled_from(["header", "header", "header", "dots", "braces"]))
        pairs = draw(st.permutations(list(content.items())))
        if style == "braces":
            inner = ", ".join(f"{key(name)}={spelled(value, False)}" for name, value in pairs)
            dotted += [*loose(), f"{key(section)} = {{{inner}}} {comment()}"]
        elif style == "dots":
            for name, value in pairs:
                dotted += [*loose(), f"{key(section)} . {key(name)} = {spelled(value, True)}"]
        else:
            headed += [*loose(), f"[ {key(section)} ]  {comment()}"]
            for name, value in pairs:
                indent = draw(st.sampled_from(["", "  ", "\t"]))
                end = draw(st.sampled_from(["", f"  {comment()}"]))
                headed += [*loose(), f"{indent}{key(name)}={spelled(value, True)}{end}"]
    lines = [*loose(), *dotted, *headed, *loose()]
    return newline.join(lines) + draw(st.sampled_from(["", newline]))


def notes_of(text: str) -> set[str]:
    """The comments of `written` in a text."""
    return {part.split(":", 1)[0] for part in text.split("# note ")[1:]}


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_text_takes_any_settings(data):
    before, after = data.draw(configs()), data.draw(configs())
    text = data.draw(written(before))
    assert read(text) == before, "the strategy writes what it means"
    assert update_toml(text, before) == text
    changed = update_toml(text, after)
    assert read(changed) == after
    assert notes_of(text) <= notes_of(changed)
    assert update_toml(changed, after) == changed
    assert read(update_toml(changed, before)) == before


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_every_sample_and_the_template_take_any_settings(data):
    texts = [path.read_text("utf-8") for path in samples().values()]
    text = data.draw(st.sampled_from([*texts, template()]))
    assert update_toml(text, read(text)) == text
    config = data.draw(configs())
    changed = update_toml(text, config)
    assert read(changed) == config
    comments = [line for line in text.split("\n") if line.startswith("#") and not line.startswith("#:")]
    assert [line for line in changed.split("\n") if line in comments] == comments


PERSONS = """\
# My best settings so far.
[optimizer]
name = 'sgd'        # adam was worse
lr = 1e-2
  momentum=0.90     # do not touch
nesterov = true

[run]
# long enough
epochs   =   1_0
"""


def changed(config: RunConfig, **sections) -> RunConfig:
    nested = to_nested(config)
    for section, content in sections.items():
        nested[section] = {**nested.get(section, {}), **content}
    return build_config(nested)


def test_what_changes_is_replaced_in_place_and_nothing_else():
    config = changed(read(PERSONS), optimizer={"lr": 0.02}, run={"seed": 4}, regularization={"dropout": 0.5})
    assert update_toml(PERSONS, config) == PERSONS.replace("1e-2", "0.02").replace("1_0\n", "1_0\nseed = 4\n") + (
        "\n[regularization]\ndropout = 0.5\n"
    )
    back_to_default = changed(read(PERSONS), run={"epochs": 50})
    assert update_toml(PERSONS, back_to_default) == PERSONS.replace("1_0", "50")


def test_a_knob_without_effect_is_put_aside_and_comes_back_to_life():
    other = build_config({"run": {"epochs": 10}, "optimizer": {"name": "adam", "lr": 0.01, "beta1": 0.8}})
    aside = update_toml(PERSONS, other)
    assert aside == PERSONS.replace("'sgd'", '"adam"').replace("  momentum", "  #: momentum").replace(
        "nesterov = true\n", "#: nesterov = true\nbeta1 = 0.8\n"
    )
    again = update_toml(aside, changed(read(PERSONS), optimizer={"momentum": 0.8}))
    assert again == PERSONS.replace("'sgd'", '"sgd"').replace("0.90", "0.8").replace(
        "nesterov = true\n", "nesterov = true\n#: beta1 = 0.8\n"
    )


def test_the_template_is_filled_in_where_a_knob_waits():
    text = template()
    filled = update_toml(text, build_config({"optimizer": {"name": "sgd", "lr": 0.5, "dampening": 0.1}}))
    differing = [(a, b) for a, b in zip(text.split("\n"), filled.split("\n"), strict=True) if a != b]
    assert ('name = "adam"', 'name = "sgd"') in differing
    assert ("#: dampening = 0.0", "dampening = 0.1") in differing
    assert ("beta1 = 0.9", "#: beta1 = 0.9") in differing
    assert not any("momentum" in a for a, _ in differing), "its line waits until it is told something else"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[optimizer\n", "not valid TOML"),
        ('[project]\nname = "x"\n', "unknown section"),
        ("[run]\nepohcs = 3\n", "did you mean run.epochs"),
        ("run = 3\n", "is a section, not a knob"),
        ("[[run]]\nepochs = 3\n", "is a section, not a knob"),
        ("[run.epochs]\nx = 3\n", "must be a whole number"),
        ("[run]\nepochs.x = 3\n", "must be a whole number"),
    ],
)
def test_a_file_that_is_no_configuration_is_not_written_to(tmp_path, text, problem):
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        save_config(path, RunConfig())
    assert path.read_text() == text


def test_true_is_not_one():
    text = "[run]\ntensorboard = true\naccumulate = 1\n"
    config = build_config({"run": {"tensorboard": False, "accumulate": 2}})
    assert read(update_toml(text, config)) == config


def test_a_text_that_says_little_says_no_more_afterwards():
    for text in ("", "# nothing yet", "[run]\n", "[run]\nepochs = 50"):
        assert update_toml(text, RunConfig()) == text
    config = build_config({"run": {"epochs": 7, "seed": 1}, "model": {"hidden": [3]}})
    assert update_toml("# mine", config) == "# mine\n\n[model]\nhidden = [3]\n\n[run]\nepochs = 7\nseed = 1\n"
    assert update_toml("[run]\nepochs = 7", config) == "[run]\nepochs = 7\nseed = 1\n\n[model]\nhidden = [3]\n"
    assert update_toml("run.epochs = 3", config) == "run.epochs = 7\nrun.seed = 1\n\n[model]\nhidden = [3]\n"
    assert update_toml("run = {}  # all", config) == "run = { epochs = 7, seed = 1 }  # all\n\n[model]\nhidden = [3]\n"


def test_files_are_saved_whole_through_links_with_their_mark(tmp_path):
    config = build_config({"run": {"epochs": 7}, "model": {"hidden": [3]}})
    new = tmp_path / "new.toml"
    save_config(new, config)
    assert load_config(new) == config
    marked, link = tmp_path / "marked.toml", tmp_path / "link.toml"
    marked.write_bytes(b"\xef\xbb\xbf# mine\r\n[run]\r\nepochs = 3\r\n")
    link.symlink_to(marked)
    save_config(link, config)
    assert link.is_symlink()
    assert marked.read_bytes() == (b"\xef\xbb\xbf# mine\r\n[run]\r\nepochs = 7\r\n\r\n[model]\r\nhidden = [3]\r\n")
    assert load_config(marked) == config
    assert sorted(os.listdir(tmp_path)) == ["link.toml", "marked.toml", "new.toml"]
    for place in (tmp_path, tmp_path / "nowhere" / "x.toml", "a\0b"):
        with pytest.raises(ConfigError):
            save_config(place, config)


def test_spans_are_those_of_the_values():
    text = "a.'b c' = \"x # ] = \\\" \" # note\nd = [ 1, # ]\n  '}' ]\ne = { f = '''\n''''', \"g\" = 1e3 }\n[ h . i ]\nj = 1_0\r\n"
    found = {one.path: text[one.value_start : one.value_end] for one in entries(text)}
    assert found == {
        ("a", "b c"): '"x # ] = \\" "',
        ("d",): "[ 1, # ]\n  '}' ]",
        ("e", "f"): "'''\n'''''",
        ("e", "g"): "1e3",
        ("h", "i", "j"): "1_0",
    }
