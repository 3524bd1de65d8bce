"""`nntui diagnose` on what others have written: CSV files and TensorBoard logs, and which curve is taken for which."""

from __future__ import annotations

import json
import struct

import pytest

from engine.cli import main
from engine.curves import pair, read_curves
from engine.errors import DataError
from engine.eventfiles import read_scalars

EPOCHS = 30
TRAIN = [1 / n for n in range(1, EPOCHS + 1)]
VAL = [max(0.1, 1 / n) + 0.02 * max(0, n - 10) for n in range(1, EPOCHS + 1)]  # overfits from epoch 11 on


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Logs written by plain SummaryWriter code, as people write it, and by TensorFlow's newer way."""
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path_factory.mktemp("logs")

    def write(where, *curves):
        with SummaryWriter(str(folder / where)) as writer:
            for tag, values, every in curves:
                for step, value in enumerate(values, 1):
                    writer.add_scalar(tag, value, step * every)

    write(
        "slashes",
        ("Loss/train", TRAIN, 1),
        ("Loss/val", VAL, 1),
        ("Accuracy/train", TRAIN, 1),
        ("lr", [0.1] * EPOCHS, 1),
    )
    write("underscores", ("train_loss", TRAIN, 1), ("val_loss", VAL, 1), ("val_acc", VAL, 1))
    write("runs/train", ("epoch_loss", TRAIN, 1), ("epoch_accuracy", TRAIN, 1))
    write("runs/validation", ("epoch_loss", VAL, 1), ("evaluation_loss_vs_iterations", VAL, 7))
    steps = [loss for loss in TRAIN for _ in range(10)]
    write("bysteps", ("train/loss", steps, 1), ("train/learning_rate", [0.1] * 300, 1), ("eval/loss", VAL, 10))
    return folder


def saying(*arguments, capsys):
    code = main(["diagnose", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize(
    ("where", "train", "val"),
    [
        ("slashes", "Loss/train", "Loss/val"),
        ("underscores", "train_loss", "val_loss"),
        ("runs", "train/epoch_loss", "validation/epoch_loss"),
        ("bysteps", "train/loss", "eval/loss"),
    ],
)
def test_a_log_of_another_framework_is_diagnosed_and_the_pairing_shown(logs, capsys, where, train, val):
    code, out, _ = saying(logs / where, capsys=capsys)
    assert code == 0
    assert f"training loss    {train}\n" in out
    assert f"validation loss  {val}\n" in out
    assert "warning: overfitting since epoch 11" in out
    assert "try: stop here" in out


def test_many_steps_between_two_evaluations_become_one_value(logs):
    paired = pair(read_curves(logs / "bysteps"))
    assert paired.at == [10 * n for n in range(1, EPOCHS + 1)]
    assert paired.train == pytest.approx(TRAIN, rel=1e-6)
    assert paired.lr == pytest.approx([0.1] * EPOCHS)


def test_the_curves_can_be_named(logs, capsys):
    code, out, _ = saying(logs / "slashes", "--val", "Accuracy/train", "--train", "Loss/train", capsys=capsys)
    assert code == 0
    assert "validation loss  Accuracy/train\n" in out
    assert "overfitting" not in out
    code, _, err = saying(logs / "slashes", "--val", "Loss/nosuch", capsys=capsys)
    assert code == 2
    assert "--val: there is no curve called 'Loss/nosuch'; there are Loss/train" in err


def test_scalars_are_those_that_tensorboard_reads(logs):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    oracle = EventAccumulator(str(logs / "slashes"))
    oracle.Reload()
    found = read_scalars(logs / "slashes")
    assert sorted(found) == sorted(oracle.Tags()["scalars"])
    for tag, points in found.items():
        assert points == [(one.step, one.value) for one in oracle.Scalars(tag)]


def test_values_in_tensors_and_a_cut_end(tmp_path):
    """As TensorFlow 2 writes them; the last record was cut short when its writer was killed."""
    from tensorboard.compat.proto import event_pb2
    from tensorboard.util.tensor_util import make_tensor_proto

    def record(message):
        data = message.SerializeToString()
        return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)

    written = b""
    for step in (1, 2, 3):
        event = event_pb2.Event(step=step)
        event.summary.value.add(tag="epoch_loss", tensor=make_tensor_proto(0.5 * step, dtype="float32"))
        event.summary.value.add(tag="old", simple_value=2.0)
        event.summary.value.add(tag="picture", image={"height": 1})
        written += record(event)
    (tmp_path / "events.out.tfevents.1").write_bytes(written[:-9])
    assert read_scalars(tmp_path) == {"epoch_loss": [(1, 0.5), (2, 1.0)], "old": [(1, 2.0), (2, 2.0)]}
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\x01" * 400)
    assert read_scalars(tmp_path) == {}


def csv(tmp_path, text, name="log.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def overfit(head="epoch,train_loss,val_loss", separator=","):
    rows = [separator.join(map(str, (n, t, v))) for n, (t, v) in enumerate(zip(TRAIN, VAL, strict=True), 1)]
    return "\n".join([head, *rows]) + "\n"


@pytest.mark.parametrize(
    ("head", "separator"),
    [
        ("epoch,train_loss,val_loss", ","),
        ("epoch,loss,val_loss", ","),
        ("step;trainLoss;evalLoss", ";"),
        ("epoch\tTrain Loss\tValid Loss", "\t"),
    ],
)
def test_csv_files(tmp_path, capsys, head, separator):
    code, out, _ = saying(csv(tmp_path, overfit(head, separator)), capsys=capsys)
    assert code == 0
    assert "warning: overfitting since epoch 11" in out


def test_empty_cells_belong_to_other_rows(tmp_path):
    """As Lightning writes its metrics.csv: a row for training and one for validation."""
    text = "epoch,step,train_loss,val_loss\n" + "".join(
        f"{n},{10 * n},,{2 / n}\n{n},{10 * n},{1 / n},\n" for n in range(1, 9)
    )
    paired = pair(read_curves(csv(tmp_path, text)))
    assert paired.at == list(range(1, 9))
    assert paired.train == [1 / n for n in range(1, 9)]
    assert paired.val == [2 / n for n in range(1, 9)]


def test_json_has_the_findings(tmp_path, capsys):
    code, out, _ = saying(csv(tmp_path, overfit()), "--json", capsys=capsys)
    (found,) = json.loads(out)
    assert code == 0
    assert found["source"]["validation loss"] == "val_loss"
    assert [one["kind"] for one in found["findings"]] == ["overfitting"]


def test_a_loss_that_is_no_number_is_said(tmp_path, capsys):
    text = "epoch,train_loss,val_loss\n1,1.0,1.1\n2,0.9,1.0\n3,nan,nan\n"
    _, out, _ = saying(csv(tmp_path, text), capsys=capsys)
    assert "not a number since epoch 3" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no header and rows"),
        ("1,2,3\n4,5,6\n", "log.csv:1: has no header: its first line holds numbers"),
        ("epoch,train_loss\n1,2\n2,1\n", "--val: no validation loss was recognized"),
        ("epoch,val_loss\n1,2\n2,1\n", "--train: no training loss was recognized"),
        ("epoch,train_loss,val_loss\n1,2,x\n", "log.csv:2: val_loss: 'x' is no number"),
        ("a,b\nx,y\n", "holds no scalar curves"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, capsys, text, words):
    code, out, err = saying(csv(tmp_path, text), capsys=capsys)
    assert code == 2
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


def test_folders_and_files_that_are_not_there(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert "holds no event files" in saying(tmp_path / "empty", capsys=capsys)[2]
    assert "cannot be read: No such file" in saying(tmp_path / "nosuch.csv", capsys=capsys)[2]
    assert "there are no runs" in saying("nosuch", "--folder", tmp_path, capsys=capsys)[2]
    with pytest.raises(DataError):
        read_curves(tmp_path / "nosuch.csv")


def test_names_from_files_are_made_safe(tmp_path, capsys):
    code, out, _ = saying(csv(tmp_path, overfit("epoch,train_loss\x1b]0;x\x07,val_loss\x1b]0;x\x07")), capsys=capsys)
    assert code == 0
    assert "\x1b" not in out


def test_a_run_is_diagnosed_from_its_folder(tmp_path, capsys):
    from engine.journal import JournalSink
    from tests.support import script

    folder = tmp_path / "20260101-120000-digits-mlp"
    folder.mkdir()
    sink = JournalSink(folder / "events.jsonl")
    for event in script.overfitting():
        sink.write(event)
    sink.close()
    code, out, err = saying(folder, capsys=capsys)
    assert (code, err) == (0, "")
    assert "warning: overfitting since epoch" in out
