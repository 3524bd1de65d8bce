"""The preview and the cards of the datasets: shown when they are there, never in a key's way, never about something else."""

from __future__ import annotations

import pytest
from support.previews import Answers, data_of
from support.screens import SIZES, form, go_to, lines, opened, press, safe, see, text, type_in, until

from engine.config import RunConfig
from engine.configfile import build_config
from engine.errors import Fault
from engine.preview import DataPreview, Layer, Memory, ModelPreview, Part
from tui.drawing import as_text
from tui.looks import Look
from tui.paths import size_words
from tui.previewtext import Known, brief, data_drawing, layer_lines, preview_text
from tui.widgets.datasetpane import DatasetPane
from tui.widgets.datasets import entries_for
from tui.widgets.preview import PreviewPane

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
WIDE = SIZES[1]


async def test_the_preview_follows_what_is_typed():
    answers = Answers()
    async with opened(WIDE, previewer=answers) as pilot:
        await see(pilot, "800   80%", "linear", "Learning rate", "45 steps of 32 rows an epoch", "fits", "nntui train")
        await go_to(pilot, "model.hidden")
        await press(pilot, "enter", "ctrl+u")
        await type_in(pilot, "77, 33")
        await see(pilot, "linear", " 77 ", " 33 ", "1,101")
        assert form(pilot).edit is not None and pilot.app.screen.draft.config == RunConfig(), "it is not taken yet"
        await press(pilot, "x")
        await see(pilot, "to mend first")
        await press(pilot, "escape")
        await until(pilot, lambda: " 77 " not in text(pilot) and "to mend first" not in text(pilot))
        assert answers.models[-1] == RunConfig()


async def test_at_80_columns_the_title_says_it_in_short_and_v_shows_all():
    async with opened() as pilot:
        await see(pilot, "800+100+100 rows  1,921 parameters  45 steps/epoch")
        await press(pilot, "v")
        await see(pilot, "validation", "10 classes", "class 0")
        await press(pilot, "end")
        await see(pilot, "nntui train --set")
        await press(pilot, "escape")
        await until(pilot, lambda: form(pilot).region)


async def test_no_key_waits_for_a_preview_and_old_answers_are_dropped():
    answers = Answers(held=True)
    async with opened(WIDE, previewer=answers) as pilot:
        pane = pilot.app.screen.query_one(PreviewPane)
        await until(pilot, lambda: answers.asked)
        await go_to(pilot, "run.epochs")
        await press(pilot, "right", "right", "right")
        assert pilot.app.screen.draft.text("run.epochs") == "65", "all the while the first answer is awaited"
        assert pane.working
        await see(pilot, "...")
        answers.let_go()
        await until(pilot, lambda: not pane.working)
        assert pane.known.config is not None and pane.known.config.run.epochs == 65
        assert [one.run.epochs for one in answers.models] == [65], "models of what is past are not asked for"
        pane.post_message(pane.Answered(_answer(pane._asked - 1)))
        await pilot.pause()
        assert pane.known.data.dataset != "old"


def _answer(asked: int):
    from tui.widgets.preview import Answer

    return Answer(asked, RunConfig(), "", DataPreview(dataset="old"), ModelPreview())


async def test_faults_of_a_preview_are_told():
    fault = Fault("data.source", "no such \x1b[31mfile [red]", "check it", "x.csv")
    async with opened(
        WIDE, build_config({"data": {"source": "x.csv", "target": "y"}}), previewer=Answers(fault=fault)
    ) as pilot:
        await see(pilot, "! x.csv: data.source: no such")
        assert safe(pilot)


def _gaps(config: RunConfig) -> tuple[Fault, ...]:
    """Twelve empty cells as the engine lists them, unless they may be filled in."""
    if config.data.missing != "refuse":
        return ()
    listed = [Fault("data.source", "column 'b' is empty", "fill it in", f"x.csv:{line}") for line in range(2, 12)]
    return (*listed, Fault("data.source", "2 more cells cannot be used", "", "x.csv"))


TABLE = {"data": {"source": "x.csv", "target": "y"}}


@sizes
async def test_what_a_preview_finds_stands_at_its_field_until_it_is_mended(size):
    async with opened(size, build_config(TABLE), previewer=Answers(find=_gaps)) as pilot:
        await see(pilot, "^ x.csv:2: column 'b' is", "1 thing to mend")
        assert text(pilot).count("^") == 1
        assert pilot.app.screen.draft.faults["data.source"].problem.endswith("(and 11 more)")
        await go_to(pilot, "data.missing")
        await press(pilot, "right")
        await until(pilot, lambda: "^" not in text(pilot) and "to mend" not in text(pilot))
        await press(pilot, "left")
        await see(pilot, "^ x.csv:2: column 'b'", "1 thing to mend")
        await go_to(pilot, "run.epochs")
        await press(pilot, "0", "0")
        await see(pilot, "2 things to mend")


@sizes
async def test_what_a_preview_finds_is_told_as_one_types(size):
    def find(config: RunConfig) -> tuple[Fault, ...]:
        return (Fault("model.weights", "no such folder", "", "runs/ab"),) if config.model.weights == "ab" else ()

    async with opened(size, previewer=Answers(find=find)) as pilot:
        await go_to(pilot, "model.weights")
        await press(pilot, "enter")
        await type_in(pilot, "ab")
        await see(pilot, "^ ab: no such folder", "1 thing to mend")
        assert form(pilot).edit is not None
        await type_in(pilot, "c")
        await until(pilot, lambda: "no such folder" not in text(pilot) and "to mend" not in text(pilot))
        await press(pilot, "backspace", "enter")
        await see(pilot, "^ ab: no such folder", "1 thing to mend")
        assert form(pilot).edit is None, "it may be there later: the text is taken"


async def test_a_preview_tells_a_few_faults_and_counts_the_rest():
    async with opened(WIDE, build_config(TABLE), previewer=Answers(find=_gaps)) as pilot:
        await see(pilot, "! x.csv:2", "! x.csv:4", "! and 9 more")
        await until(pilot, lambda: "x.csv:5" not in text(pilot))


async def test_a_file_that_was_mended_meanwhile_is_looked_at_again_on_coming_back():
    faulty = [True]
    async with opened(WIDE, build_config(TABLE), previewer=Answers(find=lambda c: _gaps(c) if faulty else ())) as pilot:
        await see(pilot, "1 thing to mend")
        faulty.clear()
        await press(pilot, "question_mark")
        await until(pilot, lambda: "SETUP" in text(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "reset" in text(pilot) and "to mend" not in text(pilot))


@sizes
async def test_cards_are_searched_and_show_what_is_in_them(size):
    async with opened(size) as pilot:
        await press(pilot, "d")
        await see(pilot, "8x8 pictures", "CC BY")
        await press(pilot, "slash")
        await type_in(pilot, "regression")
        await see(pilot, "diabetes", "> diabetes", "Diabetes progression")
        assert "wine" not in text(pilot)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: pilot.app.screen.draft.text("data.source") == "diabetes")
        await press(pilot, "d", "slash", "ctrl+u")
        await type_in(pilot, "moons")
        await see(pilot, "Two moons", "x1", "x2")
        await until(pilot, lambda: sum(line.count("o") for line in lines(pilot)) > 20)
        await press(pilot, "pagedown", "pagedown")
        await see(pilot, "-1.25")
        await press(pilot, "escape")
        await see(pilot, "wine", ">*diabetes")


async def test_a_card_never_shows_the_data_of_another_one():
    async with opened(WIDE) as pilot:
        pane = pilot.app.screen.query_one(DatasetPane)
        await press(pilot, "d", "down", "down")
        await until(pilot, lambda: pane._shown[1] is not None and pane._shown[1].dataset == "breast_cancer")
        pane._ask("wine", pane._asked - 1)  # a timer that went off as the cursor moved on
        pane._thread.finish(10)
        await pilot.pause()
        assert pane._shown[0] == "breast_cancer" and pane._shown[1].dataset == "breast_cancer"


def test_entries_are_found_by_every_word_and_files_stand_among_them():
    assert [entry.source for entry in entries_for("generated planar xor", "", ())] == ["xor", ""]
    found = entries_for("", "a/b.csv", ["/x/c.csv"])
    assert [entry.label for entry in found[-3:]] == ["b.csv", "c.csv", "Open a file..."]
    assert entries_for("no such", "", ()) == entries_for("nothing at all", "digits", ())


# ------------------------------------------------------------------------------------------------------- in plain words


def test_in_short():
    assert brief(Known()) == "" and brief(Known(working=True)) == "..."
    data, model = (
        data_of("iris"),
        ModelPreview((Layer("0", "linear", "", (3,), 15),), 15, memory=Memory(1500, available=100)),
    )
    known = Known(data, model, RunConfig())
    assert brief(known) == "800+100+100 rows  15 parameters  1.5 kB: DOES NOT FIT"
    assert brief(Known(data, model, RunConfig(), stale=True)).startswith("(800")
    assert brief(Known(DataPreview(faults=(Fault("a", "b"),)), model, RunConfig())) == "a: b"


@pytest.mark.parametrize("width", [1, 2, 7, 20, 44, 200])
@pytest.mark.parametrize(
    "look", [Look(), Look("ascii", colour=False), Look("blocks", greys=False)], ids=lambda look: look.charset
)
def test_any_preview_fits_any_width(width, look):
    worst = DataPreview(
        dataset="x", task="classification", rows=10**9, features=3, shape=(3, 500, 500), class_names=("\x1b[31m", "漢字" * 30, ""),
        class_counts=(10**9, 0, 1), parts=(Part("train", 10**9), Part("validation", 0)), notes=("n" * 300, "a b " * 99),
        header=("a" * 50, "漢" * 30), sample_rows=(("1",), ("2", "3", "4")), faults=(Fault("k", "p" * 500),),
    )  # fmt: skip
    model = ModelPreview(
        layers=(Layer("0", "conv", "9x9 " * 20, (512, 1000, 1000), 10**12), Layer("1", "\x1b", "", (), 0)), parameters=10**12,
        trials=9, memory=Memory(10**15, available=1), schedule=((0, float("nan")), (1, float("inf"))), device="d" * 99,
    )  # fmt: skip
    for data in (worst, DataPreview(), data_of("digits"), data_of("moons"), data_of("x.csv")):
        for one in (model, ModelPreview()):
            drawn = preview_text(Known(data, one, RunConfig(), command="c" * 300), width, look)
            assert "\x1b" not in drawn.plain
            assert all(line.cell_len <= width for line in drawn.split("\n")), drawn.plain
        assert "\x1b" not in data_drawing(data, width, look).plain


def test_layers_as_a_table():
    layers = [Layer("0", "linear", "", (128,), 8320), Layer("1", "dropout", "p 0.3", (128,), 0)]
    assert layer_lines(layers, 8320, 40) == [
        "  linear         128  8,320",
        "  dropout p 0.3  128       ",
        "  in all              8,320",
    ]


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_999, "1.0 MB"), (3e14, "300 TB")]
)
def test_sizes_in_words(size, words):
    assert size_words(size) == words


def test_drawings_are_there():
    assert as_text([]) == ""
