"""The settings while they are edited: nothing is lost, nothing leaves its bounds, every fault is at its field."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.strategies import configs

from engine.config import RunConfig
from engine.configfile import build_config
from engine.errors import Fault
from engine.knobs import Knob, knob_by_key, knobs, parse
from tui.changes import between
from tui.draft import Draft
from tui.fieldsteps import stepped
from tui.paths import source_of

NUMBERS = [row for row in knobs() if row.kind in ("int", "float")]


@given(configs())
def test_a_configuration_goes_through_the_form_unchanged(config: RunConfig):
    draft = Draft(config)
    assert draft.faults == {}
    assert draft.config == config


def test_a_fresh_draft_is_the_defaults():
    draft = Draft()
    assert draft.config == RunConfig()
    assert not any(draft.changed(row.key) for row in knobs())


@given(configs(), st.data())
def test_changing_any_field_and_back_changes_nothing(config: RunConfig, data: st.DataObject):
    draft = Draft(config)
    row = data.draw(st.sampled_from(draft.visible()))
    before = draft.text(row.key)
    draft.set(row.key, data.draw(st.text(max_size=8) | st.sampled_from(row.choices or ("7",))))
    draft.set(row.key, before)
    assert draft.config == config


def test_texts_of_fields_out_of_sight_are_kept():
    draft = Draft()
    draft.set("optimizer.name", "sgd")
    draft.set("optimizer.momentum", "0.5")
    draft.set("optimizer.name", "adam")
    assert "optimizer.momentum" not in {row.key for row in draft.visible()}
    assert draft.config is not None and draft.config.optimizer.momentum == 0.9, (
        "a knob out of sight counts as untouched"
    )
    draft.set("optimizer.name", "sgd")
    assert draft.text("optimizer.momentum") == "0.5"
    assert draft.config is not None and draft.config.optimizer.momentum == 0.5


def test_a_field_follows_the_default_of_the_choice_until_it_is_changed():
    draft = Draft()
    assert draft.text("optimizer.weight_decay") == "0.0" and draft.text("optimizer.lr") == "0.001"
    draft.set("optimizer.name", "adamw")
    assert draft.text("optimizer.weight_decay") == "0.01" and not draft.changed("optimizer.weight_decay")
    assert draft.config is not None and draft.config.optimizer.weight_decay == 0.01
    draft.set("optimizer.weight_decay", "0.5")
    draft.set("optimizer.name", "adadelta")
    assert draft.text("optimizer.lr") == "1.0" and not draft.changed("optimizer.lr")
    assert draft.text("optimizer.weight_decay") == "0.0", "what was typed for adamw is no decay for adadelta"
    draft.set("optimizer.name", "adamw")
    assert draft.text("optimizer.weight_decay") == "0.5" and draft.changed("optimizer.weight_decay")
    draft.reset("optimizer.weight_decay")
    assert draft.text("optimizer.weight_decay") == "0.01"
    opened = Draft(draft.config)
    opened.set("optimizer.name", "adam")
    assert opened.text("optimizer.weight_decay") == "0.0"


def test_a_rate_that_was_typed_belongs_to_its_optimizer():
    """sgd's 0.1 under adam is the classic mistake."""
    draft = Draft()
    draft.set("optimizer.name", "sgd")
    draft.set("optimizer.lr", "0.1")
    assert draft.switched == {}
    draft.set("optimizer.name", "adam")
    assert draft.text("optimizer.lr") == "0.001" and draft.switched == {"optimizer.lr": ("0.1", "0.001")}
    assert draft.config == RunConfig()
    draft.set("optimizer.name", "adadelta")
    assert draft.switched == {}, "from default to default nothing of one's own moves"
    again = Draft()
    again.recall(draft.remembered())
    for one in (draft, again):
        one.set("optimizer.name", "sgd")
        assert one.text("optimizer.lr") == "0.1" and one.switched == {"optimizer.lr": ("1.0", "0.1")}
        one.undo()
        assert one.text("optimizer.lr") == "1.0" and one.switched == {}
        one.redo()
        assert one.config == build_config({"optimizer": {"name": "sgd", "lr": 0.1}})


def test_what_was_written_for_a_misspelt_choice_goes_to_the_one_meant():
    draft = Draft()
    draft.load_texts({"optimizer.name": "sgdd", "optimizer.lr": "0.1", "optimizer.momentum": "0.5"})
    name = knob_by_key()["optimizer.name"]
    draft.notice([Fault("data.source", "column 'x' is text")])
    for direction in (-1, 1):
        assert stepped(name, "sgdd", direction) == "sgd"
    draft.set("optimizer.name", stepped(name, "sgdd", 1))
    assert draft.config == build_config({"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.5}})
    assert "data.source" in draft.faults
    draft.set("data.source", "wine")
    assert not draft.faults, "what was noticed was so of another dataset"
    draft.undo()
    draft.undo()
    assert draft.text("optimizer.name") == "sgdd" and draft.text("optimizer.lr") == "0.1"


@given(configs(), st.data())
def test_what_is_remembered_is_all_of_it(config: RunConfig, data: st.DataObject):
    draft = Draft(config)
    for _ in range(3):
        row = data.draw(st.sampled_from([one for one in draft.visible() if one.kind == "choice" or one.defaults]))
        draft.set(row.key, data.draw(st.sampled_from(row.choices or ("0.125", "off"))))
    again = Draft()
    again.recall(draft.remembered())
    assert again.changed_texts() == draft.changed_texts() and again.remembered() == draft.remembered()
    assert again.config == draft.config and again.undo() is None


def test_what_hangs_on_a_field_out_of_sight_hangs_on_its_default():
    draft = Draft()
    draft.set("optimizer.name", "sgd")
    draft.set("optimizer.dampening", "0.5")
    assert "optimizer.nesterov" not in {row.key for row in draft.visible()}
    draft.set("optimizer.name", "muon")
    assert "optimizer.nesterov" in {row.key for row in draft.visible()}
    assert draft.config is not None and draft.config.optimizer.nesterov is True


def test_a_fault_in_a_field_out_of_sight_does_not_count_until_it_is_back():
    draft = Draft()
    draft.set("model.kind", "cnn")
    draft.set("model.kernel", "many")
    assert list(draft.faults) == ["model.kernel"] and draft.config is None
    draft.set("model.kind", "mlp")
    assert draft.faults == {} and draft.config == RunConfig()
    draft.set("model.kind", "cnn")
    assert list(draft.faults) == ["model.kernel"]


def test_every_fault_is_found_at_once_each_at_its_field():
    draft = Draft()
    for key, text in [
        ("regularization.dropout", "1.5"),
        ("optimizer.lr", "fast"),
        ("run.epochs", "0"),
        ("model.hidden", "64, x"),
        ("run.batch_size", "3.5"),
    ]:
        draft.set(key, text)
    assert draft.config is None
    assert set(draft.faults) == {
        "regularization.dropout",
        "optimizer.lr",
        "run.epochs",
        "model.hidden",
        "run.batch_size",
    }
    assert draft.faults["regularization.dropout"].problem == "must be less than 1, got 1.5"
    assert draft.faults["optimizer.lr"].problem == "must be a number, got 'fast'"


def test_values_that_do_not_go_together_are_a_fault_of_one_field():
    draft = Draft()
    draft.set("data.validation", "0.6")
    draft.set("data.test", "0.5")
    assert list(draft.faults) == ["data.test"]


@given(configs(), st.data())
def test_a_draft_is_right_exactly_when_the_configuration_file_would_be(config: RunConfig, data: st.DataObject):
    draft = Draft(config)
    row = data.draw(st.sampled_from(draft.visible()))
    draft.set(row.key, data.draw(st.sampled_from(["", "0", "-1", "0.5", "nan", "inf", "1e9", "on", "xor", "x.csv"])))
    assert (draft.config is None) == bool(draft.faults)
    if draft.config is not None:
        nested = draft.config.model_dump()
        shown: dict[str, dict[str, object]] = {}
        for knob in draft.visible():
            section, name = knob.key.split(".", 1)
            shown.setdefault(section, {})[name] = nested[section][name]
        assert build_config(shown) == draft.config


def test_trying_a_text_leaves_the_draft_alone():
    draft = Draft()
    fault = draft.fault_of("regularization.dropout", "2")
    assert fault is not None and fault.problem == "must be less than 1, got 2.0"
    assert draft.fault_of("regularization.dropout", "0.5") is None
    assert draft.config == RunConfig() and draft.faults == {} and draft.text("regularization.dropout") == "0.0"


# ------------------------------------------------------------------------------------------------ refused by the data


def refused_draft() -> Draft:
    draft = Draft()
    draft.set("data.source", "x.csv")
    draft.set("data.target", "label")
    draft.refuse([Fault("data.target", "no column called 'label'", "columns: a, b", "x.csv:1")])
    return draft


def test_a_fault_found_in_the_data_stands_at_its_field():
    draft = refused_draft()
    assert list(draft.faults) == ["data.target"]
    draft.set("run.epochs", "7")
    assert draft.faults == {}, "any change may mend it, and the next preview tells"


def test_what_a_preview_noticed_stands_until_the_next_one():
    draft = Draft()
    rest = Fault("data.source", "7 more cells are empty")
    faults = [Fault("data.source", "'x' is empty", "", "a/x.csv:2"), Fault("data.source", "'y' is empty"), rest]
    assert draft.notice([*faults, Fault("", "no preview")])
    assert [fault.problem for fault in draft.faults.values()] == ["x.csv:2: 'x' is empty (and 8 more)"]
    assert draft.config is not None, "a file may be mended on disk: it stands in no run's way"
    draft.set("run.epochs", "7")
    assert "data.source" in draft.faults and not draft.notice([*faults])
    assert draft.notice([]) and draft.faults == {}


def test_a_fault_found_in_the_data_goes_when_its_field_changes():
    draft = refused_draft()
    draft.set("data.target", "a")
    assert draft.faults == {} and draft.config is not None
    draft.set("data.target", "label")
    assert draft.faults == {}, "the file may have been mended meanwhile: the next run looks again"


def test_a_fault_found_in_the_data_goes_when_the_dataset_changes():
    draft = refused_draft()
    draft.set("data.source", "y.csv")
    assert draft.faults == {} and draft.config is not None


def test_a_refused_fault_of_no_known_field_stands_at_the_dataset():
    draft = Draft()
    draft.refuse([Fault("", "the disk is gone")])
    assert list(draft.faults) == ["data.source"]


# ---------------------------------------------------------------------------------------------------------- arrow keys


def within(row: Knob, number: float) -> bool:
    low = row.low is None or (number > row.low if row.low_open else number >= row.low)
    high = row.high is None or (number < row.high if row.high_open else number <= row.high)
    return low and high


@given(st.sampled_from(NUMBERS), st.data())
def test_arrows_never_leave_the_bounds(row: Knob, data: st.DataObject):
    low, high = row.low or 0, min(row.high if row.high is not None else 1e9, 1e9)
    kinds = st.integers(int(low), int(high)) if row.kind == "int" else st.floats(low, high)
    text = str(data.draw(kinds.filter(lambda value: within(row, value))))
    for direction in data.draw(st.lists(st.sampled_from([-1, 1]), max_size=30)):
        text = stepped(row, text, direction)
        assert within(row, parse(row, text)), text


@given(st.sampled_from(NUMBERS), st.integers(1, 40), st.integers(1, 40))
def test_there_and_back_again(row: Knob, up: int, down: int):
    """Once on the ladder, a step up and a step down undo each other."""
    text = stepped(row, str(row.default), 1)
    for _ in range(up):
        text = stepped(row, text, 1)
    for _ in range(down):
        above = text
        text = stepped(row, text, -1)
        if text != above:
            assert float(stepped(row, text, 1)) == float(above), f"{row.key}: {above} -> {text}"


@given(st.sampled_from([row for row in knobs() if row.kind in ("choice", "bool")]), st.sampled_from([-1, 1]))
def test_choices_come_round(row: Knob, direction: int):
    text = start = row.choices[0] if row.choices else "on"
    seen = set()
    for _ in range(len(row.choices) or 2):
        seen.add(text)
        text = stepped(row, text, direction)
    assert text == start and len(seen) == (len(row.choices) or 2)


@given(
    st.sampled_from(knobs()),
    st.text(max_size=10) | st.sampled_from(["nan", "inf", "-inf", "1e308", "-1", "1e-320"]),
    st.sampled_from([-1, 1]),
)
def test_stepping_over_nonsense_never_raises(row: Knob, text: str, direction: int):
    assert isinstance(stepped(row, text, direction), str)


def test_the_ladder_of_a_rate():
    lr = knob_by_key()["optimizer.lr"]
    assert stepped(lr, "0.001", 1) == "0.002"
    assert stepped(lr, "0.002", 1) == "0.005"
    assert stepped(lr, "0.001", -1) == "0.0005"
    assert stepped(lr, "0.0013", 1) == "0.002"
    assert stepped(knob_by_key()["regularization.l2"], "0.0", 1) == "1e-06"
    assert stepped(knob_by_key()["regularization.l2"], "1e-06", -1) == "0.0"


def test_the_ladder_of_other_numbers():
    assert stepped(knob_by_key()["run.batch_size"], "32", 1) == "64"
    assert stepped(knob_by_key()["run.batch_size"], "1", -1) == "0"
    assert stepped(knob_by_key()["regularization.dropout"], "0.3", 1) == "0.35"
    assert stepped(knob_by_key()["run.epochs"], "37", 1) == "40"
    assert stepped(knob_by_key()["run.epochs"], "1", -1) == "1"


# --------------------------------------------------------------------------------------------------------------- undoing


@given(configs(), st.data())
def test_undoing_everything_and_doing_it_again(config: RunConfig, data: st.DataObject):
    draft = Draft(config)
    states = [draft.changed_texts()]
    for _ in range(data.draw(st.integers(1, 6))):
        row = data.draw(st.sampled_from(draft.visible()))
        change = data.draw(st.sampled_from(["set", "reset", "load", "put"]))
        if change == "set":
            draft.set(row.key, data.draw(st.sampled_from([*row.choices, "7", "0.5", "x"])))
        elif change == "reset":
            draft.reset(*(other.key for other in draft.visible() if other.group == row.group))
        elif change == "put":
            draft.put(
                {"run.epochs": data.draw(st.sampled_from(["3", "4"])), "optimizer.name": "sgd", "optimizer.lr": "0.5"}
            )
        else:
            draft.load(data.draw(configs()))
        if draft.changed_texts() != states[-1]:
            states.append(draft.changed_texts())
    while draft.can_undo:
        draft.undo()
    assert draft.changed_texts() == states[0] and draft.config == config and draft.undo() is None
    while draft.can_redo:
        draft.redo()
    assert draft.changed_texts() == states[-1] and draft.redo() is None


def test_steps_join_until_something_else_is_done():
    draft = Draft()
    for text in ("51", "52"):
        draft.set("run.epochs", text, joins=True)
    draft.seal()
    for text in ("53", "54"):
        draft.set("run.epochs", text, joins=True)
    assert draft.undo() == ("run.epochs",) and draft.text("run.epochs") == "52"
    assert draft.undo() == ("run.epochs",) and draft.text("run.epochs") == "50"


def test_another_change_leaves_nothing_to_do_again():
    draft = Draft()
    draft.set("run.epochs", "7")
    draft.undo()
    draft.set("run.seed", "1")
    assert not draft.can_redo and draft.redo() is None
    assert draft.changed_texts() == {"run.seed": "1"}


def test_what_is_remembered_is_bounded():
    draft = Draft()
    for number in range(1, 800):
        draft.set("run.epochs", str(number))
    while draft.can_undo:
        draft.undo()
    assert draft.text("run.epochs") == "299", "the last 500 changes can be undone"


def test_changes_in_words():
    draft = Draft()
    before = draft.texts()
    assert between(before, before) == ""
    draft.put({"schedule.name": "plateau", "run.epochs": "300", "optimizer.name": "sgd", "optimizer.lr": "0.1"})
    words = "optimizer adam → sgd, learning rate 0.001 → 0.1, schedule constant → plateau and 1 more"
    assert between(before, draft.texts()) == words, "fields that came with their defaults are no changes"
    assert between(draft.texts(), before).startswith("optimizer sgd → adam, learning rate 0.1 → 0.001")
    draft.put({"schedule.gamma": "0.25"})
    assert (
        between({"schedule.name": "plateau"}, {"schedule.name": "plateau", "schedule.gamma": "0.25"}) == "factor 0.25"
    )
    assert between({"run.name": "a"}, {"run.name": "\x1b[31m"}) == "run name a → \ufffd[31m"
    assert between({"run.name": "a"}, {"run.name": ""}) == "run name a → (none)"


def test_a_folder_is_named_with_a_slash_and_a_file_as_what_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots").mkdir()
    (tmp_path / "iris").write_text("a,b\n")
    assert source_of("shots") == "./shots/" == source_of("./shots/")
    assert (source_of("iris"), source_of("a.csv"), source_of("gone")) == ("./iris", "a.csv", "./gone")


def test_what_only_columns_have_goes_when_a_preview_finds_pictures():
    draft = Draft(build_config({"data": {"source": "./shots"}}))

    def shown() -> set[str]:
        return {row.key for row in draft.visible()} & {"data.target", "data.ignore", "data.image_size"}

    assert shown() == {"data.target", "data.ignore", "data.image_size"}
    assert draft.notice([], pictures=True) and not draft.notice([], pictures=True)
    assert shown() == {"data.image_size"}
    draft.set("data.ignore", "id")  # not hidden while there is something in it
    assert shown() == {"data.ignore", "data.image_size"}
    draft.set("data.source", "./other")
    assert "data.target" in shown()
    draft.set("data.source", "shots.npz")
    draft.notice([], pictures=True)
    assert "data.target" in shown()
