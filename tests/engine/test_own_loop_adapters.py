"""The README's snippets for a loop of one's own: the plain one, and a callback for each framework that is installed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.readme import README

import engine
from engine import events as e
from engine import read_journal

SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), flags=re.S)
EPOCHS = 3


def snippet(first: str) -> str:
    """The block that begins with a line."""
    return next(one for one in SNIPPETS if one.startswith(first))


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Run a snippet with these names in a folder of its own; the events of the run it made."""
    monkeypatch.chdir(tmp_path)

    def run(code: str, **names: Any) -> list[e.Event]:
        exec(compile(code, "README.md", "exec"), {"engine": engine, "EPOCHS": EPOCHS, **names})
        [folder] = (tmp_path / "runs").iterdir()
        return list(read_journal(folder / "events.jsonl"))

    return run


def complete(items: list[e.Event]) -> None:
    """Every epoch has both losses and a learning rate, and the run came to its end."""
    ended = [one for one in items if isinstance(one, e.EpochEnded)]
    assert [one.epoch for one in ended] == list(range(1, EPOCHS + 1))
    for one in ended:
        assert set(one.missing) <= {"grad_norm"} and one.train_loss > 0 and one.val_loss > 0 and one.lr > 0
    assert items[-1].reason == "epochs_done"  # type: ignore[attr-defined]


def data():
    import torch

    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    return x, (x.sum(1) > 0).long()


def test_the_plain_snippet_is_a_run(watched):
    items = watched(snippet("import engine\n\nwith engine.monitor("))
    ended = [one for one in items if isinstance(one, e.EpochEnded)]
    assert len(ended) == 50 and ended[-1].val_loss == 1.1 / 50 and ended[-1].lr == 0.01


def test_lightning(watched):
    lightning = pytest.importorskip("lightning", reason="Lightning is not installed")
    import torch

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Linear(3, 2)

        def _loss(self, batch, name):
            loss = torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log(name, loss, on_step=False, on_epoch=True)
            return loss

        def training_step(self, batch, number):
            return self._loss(batch, "train_loss")

        def validation_step(self, batch, number):
            self._loss(batch, "val_loss")

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data()), batch_size=20)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    more = {**quiet, "enable_model_summary": False, "log_every_n_steps": 1}
    names = {"lightning": lightning, "model": Module(), "train": loader, "validation": loader, "MORE": more}
    complete(watched(snippet("# lightning"), **names))


def test_keras(watched):
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    x, y = (one.numpy() for one in data())
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    items = watched(snippet("# keras"), keras=keras, model=model, x=x, y=y)
    complete(items)
    assert next(one for one in items if isinstance(one, e.ModelBuilt)).metric == "accuracy"


def test_hugging_face_trainer(watched):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate, which the Trainer needs, is not installed")
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Linear(3, 2)

        def forward(self, x, labels):
            logits = self.net(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows = [{"x": x, "labels": y} for x, y in zip(*data(), strict=True)]
    arguments = transformers.TrainingArguments(
        output_dir="out", num_train_epochs=EPOCHS, logging_strategy="epoch", eval_strategy="epoch", save_strategy="no",
        report_to=[], use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    names = {"transformers": transformers, "model": Net(), "arguments": arguments, "train": rows, "validation": rows}
    complete(watched(snippet("# transformers"), **names))


def test_skorch(watched):
    skorch = pytest.importorskip("skorch", reason="skorch is not installed")
    pytest.importorskip("skorch.callbacks")
    import torch

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Linear(3, 2)

        def forward(self, x):
            return torch.softmax(self.net(x), -1)

    x, y = data()
    complete(watched(snippet("# skorch"), skorch=skorch, Module=Module, x=x.numpy(), y=y.numpy()))
