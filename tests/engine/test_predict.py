"""Predictions for a file by what a run has learned, and a run's test once more."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy
import pytest
import torch

import engine
from engine import RunConfig
from engine.cli import main
from engine.errors import DataError, InputError
from engine.newdata import features_of
from engine.predicting import predict_file
from engine.testing import test_again as measured_again
from engine.trained import load_trained

KINDS = ["lily", "rose", "tulip"]


def write(path: Path, header: list[str], rows) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def flowers(path: Path) -> Path:
    """A table with numbers, some of them missing, categories, dates, and three classes."""
    draw = random.Random(1)
    rows = []
    for number in range(90):
        kind = draw.choice(KINDS)
        at = 1 + KINDS.index(kind)
        weight = "" if draw.random() < 0.1 else f"{2 * at + draw.gauss(0, 0.4):.3f}"
        date = f"2024-0{1 + number % 9}-1{number % 9}"
        rows.append([f"{at + draw.gauss(0, 0.3):.3f}", weight, draw.choice(["red", "blue"]), date, kind])
    return write(path, ["size", "weight", "colour", "picked", "kind"], rows)


def config(folder: Path, **data) -> RunConfig:
    run = {"epochs": 6, "device": "cpu", "tensorboard": False, "checkpoints": 0, "folder": str(folder)}
    trials = data.pop("trials", {})
    return RunConfig.model_validate({"data": data, "run": run, "model": {"hidden": (8,)}, "trials": trials})


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """A run on classes, and the file that it was trained on."""
    folder = tmp_path_factory.mktemp("flowers")
    source = flowers(folder / "flowers.csv")
    return engine.train(config(folder, source=str(source), target="kind", missing="mean")), source


@pytest.fixture(scope="module")
def quantities(tmp_path_factory):
    """A run on a quantity."""
    folder = tmp_path_factory.mktemp("numbers")
    draw = random.Random(2)
    points = [(draw.gauss(5, 2), draw.gauss(-3, 1)) for _ in range(60)]
    rows = [[f"{a:.4f}", f"{b:.4f}", f"{100 + 20 * a - 7 * b:.4f}"] for a, b in points]
    source = write(folder / "numbers.csv", ["a", "b", "y"], rows)
    return engine.train(config(folder, source=str(source), target="y")), source


def columns(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def test_answers_are_those_of_the_run_to_the_last_bit(classes, quantities):
    for result, _ in (classes, quantities):
        trained = load_trained(result.folder)
        with torch.inference_mode():
            output = result.model(torch.from_numpy(result.data.x_test))
        found = trained.answers(result.data.x_test)
        if trained.classes:
            assert trained.classes == tuple(KINDS) and numpy.array_equal(found.probabilities, output.softmax(1).numpy())
            assert numpy.array_equal(found.classes, output.argmax(1).numpy())
        else:
            wanted = output.numpy() * numpy.float32(result.data.y_scale) + numpy.float32(result.data.y_mean)
            assert numpy.allclose(found.values, wanted, rtol=1e-6)
        assert len(found) == len(result.data.x_test)


def test_a_file_is_treated_as_the_training_data_were(classes):
    result, source = classes
    trained = load_trained(result.folder)
    found = predict_file(trained, str(source))
    everything = numpy.concatenate([result.data.x_train, result.data.x_validation, result.data.x_test])
    # The same rows to the last bit, though in the file's own order.
    x = features_of(trained.preprocess, found.sheet, [])
    assert {row.tobytes() for row in x} == {row.tobytes() for row in everything}
    assert numpy.array_equal(found.answers.probabilities, trained.answers(x).probabilities)
    [note] = found.notes
    assert note.startswith("column 'kind' has the answers: ") and "of 90 right" in note


def test_columns_may_stand_anywhere_be_too_many_or_be_filled_in(classes, tmp_path):
    result, source = classes
    trained = load_trained(result.folder)
    header, rows = columns(source)
    order = [3, 2, 0, 1]
    moved = write(
        tmp_path / "moved.tsv.csv",
        ["id", *(header[at] for at in order)],
        [["7", *(row[at] for at in order)] for row in rows],
    )
    found = predict_file(trained, str(moved))
    assert numpy.array_equal(found.answers.probabilities, predict_file(trained, str(source)).answers.probabilities)
    assert found.notes == ("not used by the model: 'id'",)
    less = write(tmp_path / "less.csv", ["size", "colour", "picked"], [[row[0], "green", row[3]] for row in rows])
    empty = write(tmp_path / "empty.csv", header[:4], [[row[0], "", "green", row[3]] for row in rows])
    one, other = predict_file(trained, str(less)), predict_file(trained, str(empty))
    assert numpy.array_equal(one.answers.probabilities, other.answers.probabilities)
    assert one.notes[0] == "not in the file, and filled in as missing values of the training data were: 'weight'"
    assert "90 rows with values that no training row has (green)" in one.notes[1] == other.notes[0]


def test_json_lines_are_as_good_as_a_table(classes, tmp_path):
    result, source = classes
    trained = load_trained(result.folder)
    header, rows = columns(source)
    objects = [
        dict(zip(header, [float(row[0]), float(row[1]) if row[1] else None, *row[2:]], strict=True)) for row in rows
    ]
    file = tmp_path / "flowers.jsonl"
    file.write_text("".join(json.dumps({"more": [1, {}], **one}) + "\n" for one in objects))
    one, other = predict_file(trained, str(file)), predict_file(trained, str(source))
    assert numpy.array_equal(one.answers.probabilities, other.answers.probabilities)
    assert one.notes == ("not used by the model: 'more'", *other.notes)
    file.write_text(json.dumps({**objects[0], "size": [1]}) + "\n")
    with pytest.raises(DataError, match=r"flowers\.jsonl:1: 'size' is a list"):
        predict_file(trained, str(file))


def test_arrays(quantities, tmp_path):
    result, source = quantities
    trained = load_trained(result.folder)
    x = numpy.array([[float(cell) for cell in row[:2]] for row in columns(source)[1]])
    wanted = predict_file(trained, str(source)).answers.values
    numpy.savez(tmp_path / "new.npz", x=x, other=numpy.zeros(3))
    numpy.save(tmp_path / "new.npy", x)
    for name in ("new.npz", "new.npy"):
        found = predict_file(trained, str(tmp_path / name))
        assert numpy.array_equal(found.answers.values, wanted) and found.notes == ()
    x[7, 1] = numpy.nan
    for content, words in (
        (x, "no usable number in row 7, column 1"),
        (x[:, :1], "1 values in a row of 'x'"),
        (x[0], "no array of inputs"),
    ):
        numpy.savez(tmp_path / "new.npz", x=content)
        with pytest.raises(DataError, match=words):
            predict_file(trained, str(tmp_path / "new.npz"))


def test_what_cannot_be_read_is_said_with_its_line(quantities, tmp_path):
    trained = load_trained(quantities[0].folder)

    def faults(text: str) -> list[str]:
        path = tmp_path / "bad.csv"
        path.write_text(text)
        with pytest.raises(DataError) as raised:
            predict_file(trained, str(path))
        return [fault.line().removeprefix(str(path)) for fault in raised.value.faults]

    assert faults("a,c\n1,2\n") == [":1: no column called 'b'; the model was trained on it"]
    assert faults("a,bb\n1,2\n") == [":1: no column called 'b'; did you mean 'bb'?"]
    assert faults("a,b\n1,2\n1,x\n,3\n") == [
        ":3: column 'b': 'x' is not a number; correct the cell",
        ":4: column 'a' is empty; correct the cell",
    ]
    assert faults("a,b\n1,2,3\n")[0].startswith(":2: too many fields: 3, where the header has 2")
    assert faults("a,b\n") == [": no rows below the header"]
    assert faults("a,a,b\n1,2,3\n") == [":1: 2 columns are called 'a'"]
    assert faults("") == [": the file is empty"]


def test_rows_from_python(classes, quantities):
    trained = load_trained(quantities[0].folder)
    [value] = trained.predict([{"a": 5.0, "b": numpy.float32(-3), "more": "x"}]).values
    assert 100 < value < 300
    with pytest.raises(InputError, match="rows lack 'b'"):
        trained.predict([{"a": 1.0}])
    row = {"size": 1, "weight": None, "colour": "red", "picked": "2024-01-02"}
    assert load_trained(classes[0].folder).predict([row]).probabilities.shape == (1, 3)


def test_the_command_prints_or_writes_csv(classes, quantities, tmp_path, capsys):
    result, source = quantities
    assert main(["predict", result.folder, str(source)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "prediction" and len(out.splitlines()) == 61
    assert "column 'y' has the answers of 60 rows: RMSE" in err
    result, source = classes
    written = tmp_path / "out.csv"
    assert main(["predict", result.folder, str(source), "--keep", "-o", str(written)]) == 0
    header, rows = columns(written)
    assert header == ["size", "weight", "colour", "picked", "kind", "prediction", "p_lily", "p_rose", "p_tulip"]
    assert [row[:5] for row in rows] == columns(source)[1] and {row[5] for row in rows} <= set(KINDS)
    assert all(abs(sum(map(float, row[6:])) - 1) < 1e-4 for row in rows)
    assert capsys.readouterr().out == ""
    assert main(["predict", result.folder, str(source), "-o", str(tmp_path)]) == 2
    assert main(["predict", result.folder, str(tmp_path / "none.csv")]) == 2
    assert main(["predict", "", str(source)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "note" not in line]
    assert len(lines) == 3 and "no such file" in lines[1]


def test_the_test_once_more_has_the_figures_of_the_run(classes, tmp_path, capsys):
    result, _ = classes
    [again] = measured_again(result.folder)
    assert again.same and again.now.loss == result.test_loss and again.now.confusion == result.view.test.confusion
    assert main(["test", result.folder]) == 0
    assert "the same as the run measured" in capsys.readouterr().out
    # Another file under the same name: other rows, other figures, and that is said.
    source = flowers(tmp_path / "other.csv")
    other = engine.train(config(tmp_path, source=str(source), target="kind", missing="mean"))
    header, rows = columns(source)
    write(source, header, [[f"{1 / float(row[0]):.3f}", *row[1:]] for row in rows])
    assert main(["test", other.folder, "--json"]) == 0
    [body] = json.loads(capsys.readouterr().out)
    assert not body["same"] and set(body["figures"]) == {"loss", "accuracy", "top_k", "macro_f1", "auroc"}
    source.unlink()
    assert main(["test", other.folder]) == 2
    assert "no such file" in capsys.readouterr().err
    assert load_trained(other.folder).classes == tuple(KINDS)  # predicting needs no data


def test_folds_have_a_model_each_and_restarts_the_best_one(tmp_path, capsys):
    source = flowers(tmp_path / "flowers.csv")
    both = {"source": str(source), "target": "kind", "missing": "mean"}
    folds = engine.train(config(tmp_path, **both, trials={"kind": "kfold", "folds": 3}))
    assert [one.label for one in measured_again(folds.folder) if one.same] == ["fold 1", "fold 2", "fold 3"]
    assert main(["predict", folds.folder, str(source)]) == 2
    assert "each fold of" in (said := capsys.readouterr().err) and "--trial, 1 to 3" in said
    assert main(["predict", folds.folder, str(source), "--trial", "2"]) == 0
    assert main(["predict", folds.folder, str(source), "--trial", "9"]) == 2
    capsys.readouterr()
    restarts = engine.train(config(tmp_path, **both, trials={"kind": "restarts", "restarts": 2}))
    best = f"{Path(restarts.folder)}/restart-{restarts.summary.best_trial}/model.safetensors"
    assert Path(best).read_bytes() == (Path(restarts.folder) / "model.safetensors").read_bytes()
    x = restarts.data.x_test
    with torch.inference_mode():
        wanted = restarts.model(torch.from_numpy(x)).softmax(1).numpy()
    assert numpy.array_equal(load_trained(restarts.folder).answers(x).probabilities, wanted)


def test_a_folder_of_pictures(tmp_path, capsys):
    from PIL import Image

    draw = numpy.random.default_rng(1)
    for kind, low in (("dark", 0), ("light", 128)):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for number in range(12):
            Image.fromarray(draw.integers(low, low + 127, (6, 6), dtype=numpy.uint8)).save(
                tmp_path / f"pictures/{kind}/{number:02}.png"
            )
    result = engine.train(config(tmp_path / "runs", source=str(tmp_path / "pictures")))
    trained = load_trained(result.folder)
    found = predict_file(trained, str(tmp_path / "pictures"))
    assert [Path(row[0]).parent.name for row in found.sheet.rows] == ["dark"] * 12 + ["light"] * 12
    assert (
        len(found.notes) == 1
        and found.notes[0].startswith("folder has the answers: ")
        and "of 24 right" in found.notes[0]
    )
    one = tmp_path / "one.png"
    Image.fromarray(numpy.full((9, 9), 200, numpy.uint8)).save(one)
    assert main(["predict", result.folder, str(one)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "file,prediction,p_dark,p_light" and out.splitlines()[1].split(",")[0] == str(one)
    assert "1 of 1 pictures had another size and were scaled to 6x6" in err
    one.write_bytes(one.read_bytes()[:40])
    assert main(["predict", result.folder, str(one)]) == 2
    assert main(["predict", result.folder, str(tmp_path / "runs")]) == 2
    err = capsys.readouterr().err
    assert "one.png: no picture, or a damaged one" in err and "there are no pictures in this folder" in err


def test_pictures_and_runs_without_what_it_takes(tmp_path, capsys):
    result = engine.train(config(tmp_path, source="digits", train_rows=100))
    trained = load_trained(result.folder)
    raw = result.data.x_test[:3] * result.data.x_scale + result.data.x_mean
    rows = [[f"{value:.0f}" for value in row] for row in raw]
    file = write(tmp_path / "digits.csv", [f"p{number}" for number in range(64)], rows)
    assert numpy.array_equal(
        predict_file(trained, str(file)).answers.classes, trained.answers(result.data.x_test[:3]).classes
    )
    write(file, [f"p{number}" for number in range(63)], [row[1:] for row in rows])
    assert main(["predict", result.folder, str(file)]) == 2
    assert "63 columns, where the model takes samples of 1 x 8 x 8" in capsys.readouterr().err
    (Path(result.folder) / "preprocess.json").write_text("{}")
    assert main(["predict", result.folder, str(file)]) == 2
    assert "preprocess.json: not the preprocessing of a run" in capsys.readouterr().err
    (Path(result.folder) / "preprocess.json").unlink()  # as an older version left it
    assert numpy.array_equal(load_trained(result.folder).preprocess.scales, trained.preprocess.scales)
    (Path(result.folder) / "model.safetensors").unlink()
    for verb in (["test", result.folder], ["predict", result.folder, str(file)]):
        assert main(verb) == 2
    assert "no weights to test" in (said := capsys.readouterr().err) and "neither model.safetensors nor" in said
    with engine.monitor(folder=tmp_path, quiet=True) as own:
        own.log(1, train_loss=1.0, val_loss=1.0)
    assert main(["predict", str(own.folder), str(file)]) == 2
    assert "a script with a training loop of its own" in capsys.readouterr().err
