"""What stays on the terminal after a run: figures, classes, mistakes, advice and commands; and what the advice is."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import script

from engine import RunConfig, RunView
from engine import events as e
from engine.cli import resolve
from engine.configfile import to_nested
from engine.facts import Answer, Change
from engine.finaltext import final_text, next_block
from engine.knobs import values
from engine.plaintext import cells, wrap
from engine.report import class_figures
from engine.subjects import most_confused, subjects, worst_first
from engine.whatnext import advice, advised, to_try


def config(**sections: dict[str, object]) -> RunConfig:
    nested = to_nested(RunConfig())
    for section, content in sections.items():
        nested[section] |= content
    return RunConfig.model_validate(nested)


def report_of(counts: list[list[int]], mistakes: tuple[Answer, ...] = ()) -> e.ReportMade:
    import numpy as np

    matrix = np.array(counts)
    rows, wrong = int(matrix.sum()), int(matrix.sum() - np.trace(matrix))
    found = tuple(tuple(row) for row in counts)
    return e.ReportMade(
        epoch=3, rows=rows, wrong=wrong, confusion=found, classes=class_figures(matrix), mistakes=mistakes, samples=()
    )


ONE = Answer(row=50, truth=1.0, answer=0.0, loss=2.0, probability=0.7)


def ended(
    events: list[e.Event], report: e.ReportMade | None = None, settings: RunConfig | None = None, **data: object
) -> RunView:
    """A scripted run with settings, and a report before its end."""
    made: list[e.Event] = []
    for item in events:
        if isinstance(item, e.RunStarted):
            item = replace(item, config=to_nested(settings or config()))
        if isinstance(item, e.DataPrepared):
            item = replace(item, **data)  # type: ignore[arg-type]
        if isinstance(item, e.RunEnded) and report:
            made.append(report)
        made.append(item)
    return RunView().apply_all(made)


def test_classes_and_counts_stand_in_one_table_where_there_is_room():
    view = ended(script.healthy(), report_of([[17, 1], [3, 15]], (ONE,)), class_names=("ham", "spam"))
    text = final_text(view, 80)
    assert "test part: a row for each true class, a column for each answer" in text
    assert "ham     17    1      0.850  0.944  0.895     18" in text
    assert "spam     3   15      0.938  0.833  0.882     18" in text
    assert "row 50  true spam  answered ham  probability 0.70" in text


def test_many_classes_are_the_worst_ones_and_what_they_are_taken_for():
    names = tuple(f"kind {number}" for number in range(30))
    counts = [[9 * (row == column) for column in range(30)] for row in range(30)]
    counts[7][21], counts[7][7] = 5, 4
    text = final_text(ended(script.healthy(), report_of(counts), class_names=names), 80)
    assert "the 20 worst of 30 classes" in text
    rows = [line for line in text.splitlines() if line.startswith("kind ")]
    assert rows[0].startswith("kind 7 "), "the worst first"
    assert "kind 7 > kind 21" in text and "5 rows, 56%" in text
    assert all(cells(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize("width", [40, 60, 80, 140])
@pytest.mark.parametrize("classes", [2, 5, 12])
def test_no_line_is_wider_than_asked(width, classes):
    """But commands and paths, which have to stay in one piece."""
    names = tuple(f"a rather long name of class {number} \x1b[31m日本" for number in range(classes))
    counts = [[11 + row * column for column in range(classes)] for row in range(classes)]
    view = ended(script.overfitting(), report_of(counts, (ONE,)), class_names=names)
    whole = final_text(view, width)
    assert "\x1b" not in whole
    commands = next_block(view, width).splitlines()
    lines = [line for line in whole.splitlines() if line not in commands and not line.startswith("run folder")]
    assert max(map(cells, lines)) <= width
    assert final_text(view, width, ascii_only=True).isascii()


def test_a_regression_has_its_largest_errors():
    one = Answer(row=4, truth=311.0, answer=162.2, loss=148.8, probability=float("nan"))
    report = e.ReportMade(
        epoch=1, rows=9, wrong=0, confusion=(), classes=(), mistakes=(one,), samples=(), pairs=((311.0, 162.2),)
    )
    text = final_text(ended(script.opening(metric="RMSE") + script.closing(), report, class_names=()))
    assert "largest errors, 1 of 9" in text
    assert "row 4  true 311  answered 162.2  off by -148.8" in text
    assert "nan" not in text.lower()


def folds(kind: str) -> RunView:
    began = script.opening()
    begun: list[e.Event] = [replace(began[0], config=to_nested(config(trials={"kind": kind})))]  # type: ignore[call-arg]
    for number, counts in enumerate(([[8, 2], [0, 10]], [[10, 0], [5, 5]]), 1):
        loss = 0.5 / number
        mistake = replace(ONE, loss=float(number))
        label = f"fold {number}"
        own = [e.TrialStarted(number=number, of=2, label=label, folder="x"), *began[1:], *script.epoch(1, 1, loss, 1)]
        own += [script.closing()[1], report_of(counts, (mistake,))]
        own += [
            e.TrialEnded(
                number=number, label=label, reason="epochs_done", epochs=1, best_epoch=1, val_loss=loss, val_metric=0.9,
                test_loss=loss, test_metric=0.8, seconds=1.0,
            )
        ]  # fmt: skip
        begun += [replace(item, trial=number) for item in own]
    figures = {
        f"{part}_{what}_{of}": 0.5 for part in ("val", "test") for what in ("loss", "metric") for of in ("mean", "sd")
    }
    begun.append(e.TrialsSummarized(kind=kind, count=2, best_trial=2, **figures))
    return RunView().apply_all([*begun, e.RunEnded(reason="trials_done", epochs=2, best_epoch=1, seconds=2.0)])


def test_folds_are_counted_together():
    """Each row was tested once: the sums are a confusion matrix of all of them."""
    first, *others = subjects(folds("kfold"))
    assert (first.name, first.report.confusion, first.report.wrong, first.report.rows) == (
        "all 2 folds", ((18, 2), (5, 15)), 7, 40,
    )  # fmt: skip
    assert first.report.classes[1].recall == 0.75
    assert first.places == ("fold 2", "fold 1"), "the worst mistake of all comes first"
    assert [one.name for one in others] == ["fold 1", "fold 2"]
    text = final_text(folds("kfold"))
    assert "test part, all 2 folds" in text and "fold 2 row 50" in text


def test_of_restarts_the_best_one_counts():
    """They are all tested on the same rows."""
    first, second = subjects(folds("restarts"))
    assert (first.name, first.report.confusion, second.name) == ("fold 2 (kept)", ((10, 0), (5, 5)), "fold 1")


def test_a_report_that_contradicts_itself_is_left_out():
    good = report_of([[1, 0], [0, 1]])
    assert not subjects(ended(script.healthy(), replace(good, confusion=((1,), (0, 1)))))
    odd = replace(good, mistakes=(replace(ONE, values=(1.0,)),), shape=(10**9, 10**9))
    assert subjects(ended(script.healthy(), odd))[0].report.shape == ()


def test_what_is_confused_and_what_is_worst():
    report = report_of([[5, 3, 0], [1, 9, 0], [0, 0, 0]])
    assert [(one.truth, one.answer, one.rows, one.share) for one in most_confused(report, 9)] == [
        (0, 1, 3, 0.375),
        (1, 0, 1, 0.1),
    ]
    assert worst_first(report) == [0, 1, 2], "a class without rows is not the worst"


# ---- advice ----


def overfitted(settings: RunConfig | None = None) -> RunView:
    """With the finding as the rule itself makes it."""
    items = [
        replace(item, knobs=("early_stopping.enabled", "early_stopping.restore_best"))
        if isinstance(item, e.FindingRaised)
        else item
        for item in script.overfitting()
    ]
    return ended(items, settings=settings)


def test_overfitting_without_early_stopping_is_to_be_run_again_with_it():
    settings = config(early_stopping={"enabled": False})
    view = overfitted(settings)
    first = advice(view)[0]
    assert (first.action, dict(first.changes)) == ("again", {"early_stopping.enabled": "on"})
    better = advised(settings, first)
    assert better is not None and better.early_stopping.enabled
    assert "advice: overfitting since epoch 11: again with" in final_text(view)


def test_what_is_done_already_is_not_advised_again():
    view = overfitted()
    assert dict(advice(view)[0].changes) == {"regularization.dropout": "0.3"}, "early stopping is on"
    assert advice(view)[0].words == "dropout 0.2 to 0.5"
    view.config = to_nested(config(regularization={"dropout": 0.5}))
    assert dict(advice(view)[0].changes) == {"regularization.l2": "0.001"}
    view.config = to_nested(config(regularization={"dropout": 0.5, "l2": 0.01}))
    assert dict(advice(view)[0].changes) == {"model.hidden": "64, 32"}
    view.config = to_nested(config(model={"hidden": [8]}, regularization={"dropout": 0.5, "l2": 0.01}))
    assert (advice(view)[0].action, advice(view)[0].fields) == (
        "fields",
        ("early_stopping.enabled", "early_stopping.restore_best"),
    )


def with_finding(**changes: Any) -> RunView:
    return ended([*script.healthy()[:-1], replace(script.raised(3), **changes), script.healthy()[-1]])


def test_a_finding_of_another_version_brings_its_changes_along():
    changes = (Change("optimizer.lr", "0.001", "0.01"), Change("run.seed", "0", "1"))
    view = with_finding(kind="bored", knobs=("optimizer.lr",), actions=("a larger learning rate",), changes=changes)
    assert dict(advice(view)[0].changes) == {"optimizer.lr": "0.01", "run.seed": "1"}
    for unusable in ((), (Change("of.another", "1", "2"),), (Change("optimizer.lr", "1", "0.001"),)):
        view = with_finding(kind="bored", knobs=("optimizer.lr",), actions=("a larger rate",), changes=unusable)
        assert (advice(view)[0].action, advice(view)[0].fields) == ("fields", ("optimizer.lr",))
    view.config = {"written": {"by": "another version"}}
    assert (advice(view)[0].action, advice(view)[0].fields) == ("fields", ("optimizer.lr",))


def test_what_to_try_while_it_trains_is_the_first_action_of_each_finding_by_the_settings_of_now():
    settings = config(early_stopping={"enabled": True})
    view = RunView().apply_all(script.overfitting()[:-3])
    view.config = to_nested(settings)
    assert view.end is None and not advice(view)
    view.apply(replace(script.raised(30), kind="could_stop", confidence="certain"))
    view.apply(replace(script.raised(30), kind="learning_rate_high", confidence="likely", title="rate", knobs=()))
    one, other = to_try(view)
    assert (one.why, dict(one.changes)) == ("overfitting since epoch 11", {"regularization.dropout": "0.3"})
    assert (other.words, dict(other.changes)) == ("a tenth of the learning rate", {"optimizer.lr": "0.0001"})
    assert "validation loss 0.42" in one.evidence
    view.config = to_nested(config(optimizer={"lr": 0.01}, early_stopping={"enabled": False}))
    assert [dict(one.changes) for one in to_try(view)] == [
        {"early_stopping.enabled": "on"},
        {"optimizer.lr": "0.001"},
        {"early_stopping.enabled": "on"},
    ], "the surest first, notes last"
    view.config = {"written": {"by": "another version"}}
    assert to_try(view) == ()


def test_a_loss_that_exploded_wants_a_smaller_rate():
    settings = config(optimizer={"lr": 0.5})
    first = advice(ended(script.diverging(), settings=settings))[0]
    assert dict(first.changes) == {"optimizer.lr": "0.05"}


def test_a_loss_that_still_falls_wants_more_epochs():
    assert [one.action for one in advice(ended(script.healthy()))] == ["more"]
    assert not advice(ended(script.counting_down()))


def test_a_model_that_learned_nothing_is_told():
    items = [replace(item, metric=0.1) if isinstance(item, e.TestMeasured) else item for item in script.counting_down()]
    assert "no better than always the same answer" in advice(ended(items))[0].why
    assert not advice(RunView().apply_all(items[:-1])), "not before the end"


def test_the_commands_can_be_typed_as_they_stand(tmp_path, monkeypatch):
    """From where the run was started, by its name; from elsewhere by its folder."""
    folder = tmp_path / "runs" / "2026 it's-a run"
    settings = config(early_stopping={"enabled": False})
    view = overfitted(settings)
    view.folder, view.run = str(folder), folder.name

    def commands(where: Path) -> list[list[str]]:
        monkeypatch.chdir(where)
        lines = next_block(view, 80).splitlines()
        return [shlex.split(line.partition("  ")[2]) for line in lines if not line.startswith(("advice", "  "))]

    look, more, better, curves = commands(tmp_path)
    assert look == ["nntui", "attach", folder.name]
    assert more == ["nntui", "resume", folder.name, "--more", "10"]
    given = [better[at + 1] for at, word in enumerate(better) if word == "--set"]
    expected = values(settings) | {"early_stopping.enabled": True}
    assert values(resolve("", "", given)) == expected
    assert curves == ["tensorboard", "--logdir", "runs"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert commands(elsewhere)[0] == ["nntui", "attach", str(folder)]


def test_a_run_that_was_stopped_is_to_be_gone_on_with():
    text = final_text(ended(script.paused()))
    assert "nntui resume" in text and "--more" not in text
    assert "nntui" not in final_text(RunView().apply_all(script.paused()[:-1])), "not while it is under way"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("loss 0.1   accuracy 0.9", 30, ["loss 0.1   accuracy 0.9"]),
        ("loss 0.1   accuracy 0.9", 15, ["loss 0.1", "accuracy 0.9"]),
        ("     accuracy 0.9", 30, ["     accuracy 0.9"]),
        ("日本語日本語", 5, ["日本", "語日", "本語"]),
        ("", 5, [""]),
        ("a b", 0, ["a", "b"]),
    ],
)
def test_wrapping_keeps_columns(text, width, lines):
    assert wrap(text, width) == lines
