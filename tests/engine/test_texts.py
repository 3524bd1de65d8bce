"""Texts: their words, the vocabulary that is learned of the training part, and runs on them, which are runs like any other."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from support.resuming import assert_equal_runs, plan, refusals, stopped_at, view_of
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from engine import ConfigError, build_config, resume, train
from engine.cli import main
from engine.commands import Edit
from engine.config import DataConfig, RunConfig
from engine.data.columns import peek_columns
from engine.data.prepared import load_prepared
from engine.data.preprocess import Preprocess
from engine.data.table import load
from engine.data.textbatches import TextBatches
from engine.data.tokens import LONGEST, words_of, wordy
from engine.errors import DataError
from engine.exporting import to_torchscript
from engine.facts import Answer
from engine.models import build_model, set_dropout
from engine.plaintext import table as table_lines
from engine.preview import DataPreview
from engine.previewing import preview
from engine.recipe import build_recipe
from engine.script import plain_script
from engine.textmodels import lengths_of, reader_of
from engine.trained import load_trained

KINDS = ("linear", "mlp", "gru", "lstm", "transformer")
SMALL = {"embedding": 6, "hidden": (5,), "width": 8, "heads": 2, "feedforward": 8, "pooling": "mean"}
USED = {
    "linear": ("embedding",),
    "mlp": ("embedding", "hidden"),
    "gru": ("embedding", "width", "pooling"),
    "lstm": ("embedding", "width", "pooling"),
    "transformer": ("embedding", "width", "heads", "feedforward", "pooling"),
}
REVIEWS = {"source": "reviews", "rows": 60}


# ---- words ----


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 3.14, well-known (NaN_x)!", "it's 3.14 , well - known ( nan_x ) !"),
        ("Stra\u00dfe \u2019tis don\u2019t", "stra\u00dfe ' tis don't"),
        ("e\u0301t\u00e9 \u00e9te\u0301", "\u00e9t\u00e9 \u00e9t\u00e9"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902", "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902"),
        ("\u6211\u7231\u4f60 ok", "\u6211 \u7231 \u4f60 ok"),
        ("\u05e9\u05dc\u05d5\u05dd \u202e\u05e2\u05d5\u05dc\u05dd\u202c.", "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd ."),
        ("\u2764\ufe0f\U0001f468\u200d\U0001f469 \U0001f1e9\U0001f1ea", "\u2764 \U0001f468 \U0001f469 \U0001f1e9\U0001f1ea"),
        ("a\0b \u00e9\0\u00e9 soft\u00adhyphen\u00e9", "a b \u00e9 \u00e9 softhyphen\u00e9"),
        ("\ud800x 12:30 1,000", "x 12 : 30 1,000"),
        ("\u200b \ufeff\u2060", ""),
        (" \t\n", ""),
        ("y" * 99, "y" * LONGEST),
    ],
)  # fmt: skip
def test_what_the_words_of_a_text_are(text, words):
    assert words_of(text) == words.split()


@given(st.text(st.characters(), max_size=80), st.integers(0, 9))
@example("\u0130", 1)
@example("\ud83d\ude00", 3)
def test_words_of_any_text(text, most):
    words = words_of(text)
    assert words == words_of(text) == words_of(text.upper().lower() if text.isascii() else text)
    assert words_of(text, most) == words[:most]
    for word in words:
        assert 0 < len(word) <= LONGEST and not word.isspace() and len(word.split()) == 1
        word.encode()  # a lone surrogate could not be written


def test_texts_are_told_from_names_and_codes():
    assert wordy(["the food was really good today", "I would never go there again, would you?"])
    assert not wordy(["Braund, Mr. Owen Harris", "Heikkinen, Miss. Laina", "A1/3 2 5 66 7 88"])
    assert not wordy([])


# ---- files ----

ROWS = [
    (f"{'good' if row % 2 else 'bad'} soup number {row}, {'yes' if row % 3 else 'no'}", "np"[row % 2])
    for row in range(60)
]


def written(folder: Path, rows=ROWS, name="texts.csv", header=("id", "text", "y")) -> Path:
    path = folder / name
    body = [[str(number), *row] for number, row in enumerate(rows)]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in body))
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows([header, *body])
    return path


def data_of(path: Path, **more) -> DataConfig:
    return DataConfig.model_validate({"source": str(path), "target": "y", "text": "text", **more})


def test_every_kind_of_file_gives_the_same_texts(tmp_path):
    tables = [load(data_of(written(tmp_path, name=f"texts.{kind}"))) for kind in ("csv", "tsv", "jsonl")]
    for table in tables:
        assert np.array_equal(table.x, tables[0].x) and table.columns == tables[0].columns
        assert (table.class_names, table.target, table.is_text) == (("n", "p"), "y", True)
        assert table.texts[1] == "good soup number 1, yes"
        assert any("not read: 'id'" in note for note in table.notes)
    words = [tables[0].columns[0].values[int(code)] for code in tables[0].x[1] if code >= 0]
    assert words == ["good", "soup", "number", "1", ",", "yes"]


def test_parquet_files_and_quantities(tmp_path, make_config):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"text": [text for text, _ in ROWS], "y": [y for _, y in ROWS], "lists": [[1, 2]] * len(ROWS)}
    parquet.write_table(pyarrow.table(columns), tmp_path / "texts.parquet")
    table, same = load(data_of(tmp_path / "texts.parquet")), load(data_of(written(tmp_path)))
    assert np.array_equal(table.x, same.x) and table.columns == same.columns


def test_a_quantity_is_learned_from_texts(tmp_path, make_config):
    rows = [(text, f"{100 + 10 * (text < 'g') + at % 3 / 10}") for at, (text, _) in enumerate(ROWS)]
    data = {"source": str(written(tmp_path, rows)), "target": "y", "text": "text"}
    result = train(small(make_config, "linear", data=data, optimizer={"lr": 0.1}, run={"epochs": 20}))
    assert result.data.task == "regression" and result.test_metric < 0.5 * result.baseline
    values = (
        load_trained(result.folder).predict([{"text": f"{word} soup number 3, no"} for word in ("bad", "good")]).values
    )
    assert values is not None and 107 < values[0] < 113 and 97 < values[1] < 103
    assert all(one.text for one in view_of(result.folder).report.mistakes)


def test_a_vocabulary_is_that_of_the_training_part(tmp_path):
    config = data_of(written(tmp_path), vocabulary=6, min_count=2)
    data, table = load_prepared(config), load(config)
    learned = data.preprocess
    assert learned is not None and learned.text is not None
    trained_on = [words_of(text) for text in table.texts if text not in set(data.texts)]
    counts = Counter(word for words in trained_on for word in words)
    commonest = sorted(counts, key=lambda word: (-counts[word], word))
    assert learned.text.values[:3] == tuple(commonest[:3]) and len(learned.text.values) == 6 == data.vocabulary - 2
    assert data.x_test.dtype == np.float32 and data.x_test.shape[1] == learned.text.length == 6
    # New texts become the same numbers as those of the table, by way of JSON too.
    again = Preprocess.from_json(learned.to_json())
    assert again == learned
    assert np.array_equal(again.apply([[text] for text in data.texts]), data.x_test)
    assert json.loads(learned.to_json())["tokenizer"]["unknown"] == 1
    with pytest.raises(ValueError, match="in way 7"):
        Preprocess.from_json(learned.to_json().replace('"version": 1', '"version": 7'))
    numbers = again.apply([["GOOD zebra, zebra " + "soup " * 9]])
    place = {word: 2 + at for at, word in enumerate(learned.text.values)}
    assert numbers.tolist() == [[place.get(word, 1) for word in ("good", "zebra", ",", "zebra", "soup", "soup")]]
    assert again.apply([["soup"]])[0, 1:].tolist() == [0] * 5
    assert again.unseen([["soup zebra"]]) == ["column 'text': 50.0% of the words are unknown to the model"]
    unknown = float((data.x_train == 1).sum() / (data.x_train != 0).sum())
    assert any(f"words unknown: {unknown:.1%} of the training part" in note for note in data.notes)
    assert any("words known: 6 of " in note for note in data.notes)


def test_longer_texts_are_cut_and_that_is_said(tmp_path):
    data = load_prepared(data_of(written(tmp_path), text_length=4, min_count=1))
    assert data.x_train.shape[1] == 4
    assert any(
        "the first 4 words count (data.text_length), and 60 of 60 texts are longer" in note for note in data.notes
    )


LONG = "word " * 2_000_000

FAULTY = {
    "no such column": ({"text": "txt"}, ROWS, "no column called 'txt'; did you mean 'text'"),
    "no such target": ({"target": "z"}, ROWS, "no column called 'z'"),
    "both at once": ({"text": "y"}, ROWS, "column 'y' is what is predicted"),
    "an empty text": ({}, [*ROWS[:3], ("", "p"), *ROWS[4:]], "texts.csv:5: data.source: column 'text' has no word here"),
    "blanks and marks": ({}, [("\u200b \t", "p"), *ROWS[1:]], "texts.csv:2: data.source: column 'text' has no word here"),
    "all empty": ({}, [("", y) for _, y in ROWS], "50 more texts without a word"),
    "only numbers": ({}, [(str(row), y) for row, (_, y) in enumerate(ROWS)], "column 'text' holds numbers and no texts"),
    "no rows": ({}, [], "no rows below the header"),
    "few rows": ({"missing": "drop"}, [*ROWS[:9], *[("", "p")] * 20], "only 9 of 29 rows have a text and a target"),
    "one class": ({}, [(text, "n") for text, _ in ROWS], "column 'y' has a single class"),
    "no word twice": ({"min_count": 500}, ROWS, "no word stands 500 times in the training texts"),
    "10 MB in a cell": ({}, [(LONG, "n"), *ROWS], "a cell of more than 131072 characters"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTY)
def test_what_cannot_be_used_is_said_in_a_line(tmp_path, case):
    more, rows, words = FAULTY[case]
    with pytest.raises(DataError) as caught:
        load_prepared(data_of(written(tmp_path, rows), **more))
    lines = [fault.line() for fault in caught.value.faults]
    assert any(words in line for line in lines), lines
    assert len(lines) <= 12 and all(len(line) < 300 and line.isprintable() for line in lines)


def test_texts_of_any_sort_are_read(tmp_path):
    """Ten million characters, right to left, emoji, control characters; rows without a text are dropped when that is asked for."""
    odd = [
        "\u05e9\u05dc\u05d5\u05dd",
        "\U0001f600\U0001f600",
        "a\0b",
        "\x1b[31mred\x1b]0;owned\x07",
        "\u202eevil",
        "\ud800",
        "x" * 10_000_000,
        LONG,
    ]
    rows = [(text, "np"[at % 2]) for at, text in enumerate([*odd, *(text for text, _ in ROWS), ""])]
    table = load(data_of(written(tmp_path, rows, "texts.jsonl"), missing="drop"))
    assert len(table.y) == len(rows) - 2 == len(table.texts) and table.dropped == 2  # a lone surrogate is no word
    assert table.x.shape[1] == 128 and max(map(len, table.texts)) == 600
    with pytest.raises(DataError, match=r"texts\.jsonl:6: data.source: column 'text' has no word here"):
        load(data_of(written(tmp_path, rows, "texts.jsonl")))


def test_free_texts_name_the_knob(tmp_path):
    rows = [(f"what a {text} it was", y) for text, y in ROWS]
    path = written(tmp_path, rows)
    with pytest.raises(
        DataError, match=r"set data\.text to 'text' to learn from its words, or leave it out: set data\.ignore to text"
    ):
        load(data_of(path, text=""))
    seen = peek_columns(str(path))
    assert seen.kinds[1] == "texts" and seen.texts_of("y") == ("text", True) and seen.texts_of("text") == ("", False)
    assert seen.to_ignore("y") == ("text",)


# ---- models ----


def model_of(kind: str, vocabulary=20, length=9, dropout=0.0, **model) -> nn.Module:
    given = {key: value for key, value in SMALL.items() if key in USED[kind]} | {"kind": kind, **model}
    config = RunConfig.model_validate({"model": given, "regularization": {"dropout": dropout}})
    torch.manual_seed(0)
    return build_model(config.model, config.regularization, length, 3, vocabulary=vocabulary).eval()


def ids_of(*lengths: int, width: int = 9) -> torch.Tensor:
    torch.manual_seed(1)
    rows = [
        torch.cat([torch.randint(1, 20, (size,)), torch.zeros(width - size, dtype=torch.int64)]) for size in lengths
    ]
    return torch.stack(rows).float()


CASES = [
    ("linear", {}), ("mlp", {}),
    *((kind, {"pooling": pooling, "bidirectional": both, "layers": layers})
      for kind in ("gru", "lstm") for pooling, both, layers in (("last", True, 2), ("mean", False, 1), ("max", True, 1), ("last", False, 2))),
    *(("transformer", {"pooling": pooling, "positions": at}) for pooling, at in (("last", "learned"), ("mean", "sinusoidal"), ("max", "none"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "more"), CASES, ids=lambda one: one if isinstance(one, str) else "-".join(map(str, one.values()))
)
def test_a_text_comes_to_the_same_alone_and_padded(kind, more):
    net = model_of(kind, **more)
    together = ids_of(3, 9, 1, 5)
    with torch.no_grad():
        for row, size in enumerate((3, 9, 1, 5)):
            alone = net(together[row : row + 1, :size])
            # The bits are the same but for how torch puts a larger or smaller batch through its matrix products.
            torch.testing.assert_close(net(together)[row : row + 1], alone, rtol=1e-5, atol=1e-6)
        assert net(torch.zeros(2, 9)).isfinite().all()  # without a word
        other = together.clone()
        other[0, 2] = 20 - other[0, 2] if other[0, 2] != 10 else 11
        changed = (net(other) - net(together)).abs().sum(1)
    assert changed[0] > 1e-6 and (changed[1:] < 1e-6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_learns_nothing_and_every_word_does(kind):
    net = model_of(kind).train()
    x = ids_of(4, 2)
    net(x).square().sum().backward()
    reader = reader_of(net)
    reached = reader.embed.weight.grad.abs().sum(1)
    assert reached[0] == 0 and (reader.embed.weight[0] == 0).all()
    assert (reached[x[x != 0].long()] > 0).all()
    assert set(np.flatnonzero(reached.numpy())) == set(x[x != 0].long().tolist())


def test_a_bag_of_words_is_a_mean_and_both_ways_are_torchs_own():
    x = ids_of(3, 9, 1)
    lengths = lengths_of(x.long())
    assert lengths.tolist() == [3, 9, 1]
    net = model_of("linear")
    weight = reader_of(net).embed.weight
    expected = torch.stack([weight[row[row != 0].long()].mean(0) for row in x])
    torch.testing.assert_close(net[0](x), expected)
    read = reader_of(model_of("gru", pooling="last", bidirectional=True, layers=2))
    torch.manual_seed(0)
    rnn = nn.GRU(6, 8, 2, batch_first=True, bidirectional=True)
    mine = [part for layer in read.layers for way in (layer.forth, layer.back) for part in way.parameters()]
    for ours, theirs in zip(mine, rnn.parameters(), strict=True):
        ours.data.copy_(theirs)
    packed = pack_padded_sequence(read.embed(x.long()), lengths, batch_first=True, enforce_sorted=False)
    last = rnn(packed)[1]
    torch.testing.assert_close(read(x), torch.cat([last[-2], last[-1]], 1))


@pytest.mark.parametrize("kind", ["gru", "transformer"])
def test_dropout_inside_a_reader_changes_in_place(kind):
    net = model_of(kind, dropout=0.4, layers=2)
    rates = lambda: {one.p for one in net.modules() if isinstance(one, nn.Dropout)}  # noqa: E731
    assert rates() == {0.4}
    set_dropout(net, 0.1, 0.0)
    assert rates() == {0.1}
    late = model_of(kind, layers=2)
    set_dropout(late, 0.5, 0.0)
    x = ids_of(5, 4)
    assert not torch.equal(late.train()(x), late(x))


def test_batches_without_needless_padding_have_the_same_rows_in_the_same_order():
    x, y = ids_of(3, 1, 9, 2, 5).numpy(), np.arange(5)
    batches = TextBatches(x, y, 2, torch.device("cpu"))
    for epoch in (
        batches.in_order(),
        batches.shuffled(torch.Generator().manual_seed(3)),
        batches.resized(3).in_order(),
    ):
        for rows, labels in epoch:
            assert rows.shape[1] == max(int((x[label] != 0).sum()) for label in labels)
            for row, label in zip(rows, labels, strict=True):
                assert torch.equal(row, torch.from_numpy(x[label])[: rows.shape[1]])
    order = torch.randperm(5, generator=torch.Generator().manual_seed(3))
    seen = [
        label for _, labels in batches.shuffled(torch.Generator().manual_seed(3), done=1) for label in labels.tolist()
    ]
    assert seen == order[2:].tolist()


# ---- runs ----


def small(make_config, kind="mlp", **sections):
    given = {key: value for key, value in SMALL.items() if key in USED[kind]} | {
        "kind": kind,
        **sections.pop("model", {}),
    }
    run = {"epochs": 3, "batch_size": 10, **sections.pop("run", {})}
    return make_config(data=sections.pop("data", REVIEWS), model=given, run=run, **sections)


@pytest.mark.parametrize("kind", ["linear", "gru", "transformer"])
def test_resumed_inside_an_epoch_it_equals_one_that_never_stopped(make_config, kind):
    dropout = {} if kind == "linear" else {"regularization": {"dropout": 0.2}}
    config = small(make_config, kind, **dropout)
    whole = train(config)
    folder = stopped_at(config, 10)
    resume(folder)
    assert_equal_runs(folder, whole.folder)


def test_a_run_equals_a_loop_written_by_hand(make_config):
    config = small(
        make_config, optimizer={"name": "sgd", "lr": 0.1}, early_stopping={"enabled": False, "restore_best": False}
    )
    data, made = load_prepared(config.data), train(config)
    first = build_recipe(config, data).model
    bag, dense, out = reader_of(first).embed, first[1], first[3]
    embed = nn.Embedding.from_pretrained(bag.weight.detach().clone(), freeze=False, padding_idx=0)
    optimizer = torch.optim.SGD([*embed.parameters(), *dense.parameters(), *out.parameters()], lr=0.1, momentum=0.9)
    x, y = torch.from_numpy(data.x_train).long(), torch.from_numpy(data.y_train)
    order = torch.Generator().manual_seed(config.run.seed)
    for _ in range(3):
        for rows in torch.randperm(len(x), generator=order).split(10):
            optimizer.zero_grad()
            mean = embed(x[rows]).sum(1) / (x[rows] != 0).sum(1, keepdim=True)
            nn.functional.cross_entropy(out(torch.relu(dense(mean))), y[rows]).backward()
            optimizer.step()
    for mine, theirs in zip(
        made.model.parameters(), [embed.weight, *dense.parameters(), *out.parameters()], strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_folds_have_vocabularies_of_their_own_and_train_one_after_another(make_config, tmp_path):
    result = train(small(make_config, trials={"kind": "kfold", "folds": 3, "side_by_side": "on"}, run={"epochs": 1}))
    assert len(result.trials) == 3
    assert any("embeddings of words are not batched over trials" in text for _, text in result.view.log)
    kept = [
        Preprocess.from_json(path.read_text()).text for path in sorted(Path(result.folder).rglob("preprocess.json"))
    ]
    assert len({one.values for one in kept if one is not None}) == 3


def test_from_a_file_to_predictions_and_exports(make_config, tmp_path, capsys):
    rows = [(text + (" \x1b[31m\u202ex" if at == 7 else ""), y) for at, (text, y) in enumerate(ROWS)]
    path = written(tmp_path, rows, "texts.jsonl")
    given = {"source": str(path), "target": "y", "text": "text"}
    config = small(
        make_config, "gru", data=given, model={"bidirectional": True}, optimizer={"lr": 0.02}, run={"epochs": 8}
    )
    result = train(config)
    assert result.test_metric is not None and result.test_metric > 0.8
    trained = load_trained(result.folder)
    asked = ["GOOD soup!", "a bad zebra", "soup"]
    found = trained.predict([{"text": text} for text in asked])
    assert found.classes is not None and found.classes[:2].tolist() == [1, 0]
    # To the bits of the run's own model, and of TorchScript fed with numbers of words.
    ids = trained.preprocess.apply([[text] for text in asked])
    with torch.inference_mode():
        assert np.array_equal(found.probabilities, result.model(torch.from_numpy(ids)).softmax(1).numpy())
    (tmp_path / "net.pt").write_bytes(to_torchscript(trained))
    module = torch.jit.load(tmp_path / "net.pt")
    for numbers in (torch.from_numpy(ids), torch.from_numpy(ids).long()):
        assert np.array_equal(module(numbers).detach().numpy(), found.probabilities)
    assert module.words == list(trained.preprocess.text.values) and module.columns == ["text"]
    # A file with other columns in another order; the target is there, and the answers are judged.
    new = written(tmp_path, [(y, text) for text, y in ROWS], "new.csv", ("number", "y", "text"))
    assert main(["export", result.folder, "--to", "safetensors", "-o", str(tmp_path / "net.safetensors")]) == 0
    written_to = []
    for source in (result.folder, str(tmp_path / "net.safetensors")):
        capsys.readouterr()
        assert main(["predict", source, str(new)]) == 0
        out, err = capsys.readouterr()
        assert "of the words are unknown to the model" in err and "of 60 right" in err
        written_to.append(out)
    assert written_to[0] == written_to[1] and len(written_to[0].splitlines()) == 61
    assert main(["predict", result.folder, str(written(tmp_path, [("", "n"), *ROWS], "empty.csv"))]) == 2
    assert "empty.csv:2: column 'text' has no word here; remove the row" in capsys.readouterr().err
    assert main(["test", result.folder]) == 0
    assert "the same as the run measured" in capsys.readouterr().out


def test_the_worst_mistakes_come_with_their_texts(make_config, tmp_path):
    bad = "\x1b]0;owned\x07 [bold]soup[/bold] \u202eevil"
    path = written(tmp_path, [(f"{bad} {text}", y) for text, y in ROWS], "texts.jsonl")
    config = small(make_config, data={"source": str(path), "target": "y", "text": "text"}, run={"epochs": 1})
    view = view_of(train(config).folder)
    assert view.report is not None and view.report.mistakes
    for one in view.report.mistakes:
        assert (
            "[bold]soup[/bold]" in one.text and "\x1b" not in one.text and "\u202e" not in one.text and one.values == ()
        )
    assert Answer(1, 0.0, 1.0, 2.0, 0.5).text == ""  # of older records


def test_weights_to_begin_with_go_to_the_same_words(make_config, tmp_path):
    first = written(tmp_path, ROWS, "first.jsonl")
    other = written(tmp_path, [(f"{text} and more", y) for text, y in ROWS], "other.jsonl")
    data = [{"source": str(path), "target": "y", "text": "text", "min_count": 3} for path in (first, other)]
    before = train(small(make_config, data=data[0], run={"epochs": 1}))
    config = small(make_config, data=data[1], model={"weights": before.folder}, run={"epochs": 1})
    prepared = load_prepared(config.data)
    recipe = build_recipe(config, prepared)
    old, new = before.data.preprocess.text.values, prepared.preprocess.text.values
    assert "and" in new and "and" not in old and len(new) > len(old)
    mine, theirs = reader_of(recipe.model).embed.weight, reader_of(before.model).embed.weight
    for word in set(old) & set(new):
        assert torch.equal(mine[2 + new.index(word)], theirs[2 + old.index(word)])
    assert torch.equal(mine[1], theirs[1]) and len(old) == len(set(old) & set(new))
    assert any(f"; {len(old)} of {len(new)} words have an embedding there" in note for note in recipe.notes)


NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, vocab_size, seq_len, num_classes):
        super().__init__()
        self.embed, self.out = nn.Embedding(vocab_size, 4), nn.Linear(4 * seq_len, num_classes)

    def forward(self, x):
        return self.out(self.embed(x).flatten(1))
"""


def test_a_model_of_your_own_gets_the_numbers_of_words(make_config, tmp_path):
    (tmp_path / "nets.py").write_text(NET)
    model = {"kind": "custom", "path": f"{tmp_path}/nets.py:Net", "inputs": "tokens"}
    config = make_config(data=REVIEWS, model=model, run={"epochs": 1, "batch_size": 10})
    assert not preview(config).faults
    assert train(config).reason == "epochs_done"


# ---- what means nothing here ----


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"regularization": {"input_noise": 0.1}}, "has no effect here: it counts only when data.source is no set of texts"),
        ({"regularization": {"mixup": 0.1}}, "has no effect here"),
        ({"regularization": {"input_dropout": 0.1}}, "has no effect here"),
        ({"data": {**REVIEWS, "standardize": False}}, "has no effect here"),
        ({"data": {**REVIEWS, "noise": 0.1}}, "has no effect here"),
        ({"data": {"source": "wine", "min_count": 3}}, "has no effect here"),
        ({"data": {"source": "a.csv", "target": "y", "text": "t", "ignore": ["b"]}}, "has no effect here"),
        ({"data": {"source": "a.csv", "target": "y", "vocabulary": 3}}, "only when data.text names a column"),
        ({"data": {"source": "a.npz", "text": "t"}}, "data.source is a file of rows with names"),
        ({"data": {"source": "a.csv", "target": "y", "text": "t", "missing": "mean"}}, "a missing text cannot be filled in"),
        ({"model": {"kind": "cnn"}}, "cnn needs pictures, and this dataset holds texts"),
        ({"data": {"source": "a.csv", "target": "y", "text": "t"}, "model": {"kind": "cnn"}}, "this dataset holds texts"),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_for_texts_are_refused(sections, words):
    with pytest.raises(ConfigError) as caught:
        build_config({"data": REVIEWS, **sections})
    assert any(words in fault.line() for fault in caught.value.faults), caught.value.faults


def test_noise_on_words_is_refused_wherever_it_comes_from(make_config):
    config = small(make_config)
    for name in ("input_noise", "mixup", "input_dropout"):
        noisy = config.model_copy(update={"regularization": config.regularization.model_copy(update={name: 0.1})})
        for attempt in (lambda noisy=noisy: train(noisy), lambda noisy=noisy: _raise(preview(noisy))):
            with pytest.raises(ConfigError, match=f"regularization.{name}: has no meaning for the words of a text"):
                attempt()
    done = train(config, (), plan(l5=Edit({"regularization.input_dropout": "0.4"})))
    assert any("counts only when" in text or "has no effect here" in text for text in refusals(view_of(done.folder)))
    with pytest.raises(ConfigError, match="a script leaves out texts"):
        plain_script(config)


def _raise(seen) -> None:
    if seen.faults:
        raise ConfigError(seen.faults)


# ---- what is seen before ----


def test_a_preview_shows_texts_layers_and_what_is_known(make_config):
    seen = preview(small(make_config, "transformer"))
    assert not seen.faults and seen.data.vocabulary > 50
    assert seen.data.header == ("text", "class") and " " in seen.data.sample_rows[0][0]
    assert [layer.kind for layer in seen.model.layers] == [
        "embedding",
        "linear",
        "positions",
        "attention",
        "layer norm",
        "pool",
        "linear",
    ]
    assert seen.model.layers[0].detail == f"{seen.data.vocabulary} words" and seen.model.layers[-2].output == (8,)
    assert seen.model.memory.total > 0
    assert sum(layer.parameters for layer in seen.model.layers) == seen.model.parameters
    for kind in ("linear", "gru"):
        layers = preview(small(make_config, kind)).model.layers
        assert [layer.kind for layer in layers] == {
            "linear": ["mean of embeddings", "linear"],
            "gru": ["embedding", "GRU", "pool", "linear"],
        }[kind]
    assert any(note.startswith("words known: ") for note in seen.data.notes)
    assert replace(DataPreview(), vocabulary=3).vocabulary == 3


def test_a_table_cuts_its_first_column_rather_than_leave_all_out():
    rows = [("a long text " * 9, "p"), ("short", "n")]
    head, first, second = table_lines(("text", "y"), rows, 40)
    assert first.startswith("a long text a long") and first.endswith("…  p") and len(first) == 40
    assert head.split() == ["text", "y"] and second.split() == ["short", "n"]
    assert table_lines(("text", "number", "y"), [("a" * 90, "5", "p")], 30)[1].split() == ["a" * 23 + "…", "…", "p"]
    assert table_lines(("text", "y"), rows, 10)[1].split() == ["…", "p"]


def test_reviews_are_drawn_from_the_seed_and_need_their_order():
    table = load(DataConfig(source="reviews", rows=300, seed=2))
    assert np.bincount(table.y).tolist() == [150, 150] and len(set(table.texts)) > 290
    same, other = (load(DataConfig(source="reviews", rows=300, seed=seed)).texts for seed in (2, 3))
    assert table.texts == same != other
    turned = [(text, label) for text, label in zip(table.texts, table.y, strict=True) if "I expected" in text]
    assert len({label for _, label in turned}) == 2
