"""The same training in frameworks that may be installed: Lightning, Keras on torch, skorch, with their own defaults."""

from __future__ import annotations

import importlib.util
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from .jobs import Job
from .stopwatch import Stopwatch, Times


def installed(module: str) -> bool:
    """Whether a framework can be imported."""
    return importlib.util.find_spec(module) is not None


def _loaders(job: Job) -> tuple[DataLoader[Any], DataLoader[Any]]:
    x, y, x_val, y_val = job.tensors()
    training = DataLoader(TensorDataset(x, y), batch_size=job.batch_size, shuffle=True)
    return training, DataLoader(TensorDataset(x_val, y_val), batch_size=job.batch_size)


def lightning(job: Job) -> Times:
    """A LightningModule that logs loss and accuracy of both parts, trained by a Trainer as it comes."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    criterion = nn.CrossEntropyLoss()

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = job.fresh()
            self.watch: Stopwatch | None = None

        def on_train_epoch_start(self) -> None:
            self.watch = self.watch or Stopwatch()

        def _measured(self, batch: Any, part: str) -> Any:
            inputs, target = batch
            output = self.net(inputs)
            loss = criterion(output, target)
            right = (output.argmax(1) == target).float().mean()
            self.log_dict({f"{part}_loss": loss, f"{part}_accuracy": right}, on_step=False, on_epoch=True)
            return loss

        def training_step(self, batch: Any) -> Any:
            return self._measured(batch, "train")

        def validation_step(self, batch: Any) -> Any:
            return self._measured(batch, "val")

        def configure_optimizers(self) -> Any:
            return job.optimizer(self.parameters())

    module = Module()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=job.epochs, accelerator="cpu", default_root_dir=folder, enable_model_summary=False,
            enable_progress_bar=False, num_sanity_val_steps=0,
        )  # fmt: skip
        trainer.fit(module, *_loaders(job))
        assert module.watch is not None
        return module.watch.read([])


def keras(job: Job) -> Times:
    """A compiled Sequential model and its fit."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    watches: list[Stopwatch] = []

    class Begin(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if not watches:
                watches.append(Stopwatch())

    data = job.data
    dense = keras.layers.Dense
    model = keras.Sequential([dense(128, "relu"), dense(64, "relu"), dense(data.classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=["accuracy"])
    model.fit(
        data.x_train, data.y_train, batch_size=job.batch_size, epochs=job.epochs, verbose=0, callbacks=[Begin()],
        validation_data=(data.x_validation, data.y_validation),
    )  # fmt: skip
    return watches[0].read([])


def skorch(job: Job) -> Times:
    """A NeuralNetClassifier on the training part, validated on the validation part."""
    import skorch
    from skorch.callbacks import Callback, EpochScoring
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    watches: list[Stopwatch] = []

    class Begin(Callback):
        def on_epoch_begin(self, net: Any, **more: Any) -> None:
            if not watches:
                watches.append(Stopwatch())

    data = job.data
    net = skorch.NeuralNetClassifier(
        job.fresh(), criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=1e-3, batch_size=job.batch_size,
        max_epochs=job.epochs, iterator_train__shuffle=True, verbose=0,
        train_split=predefined_split(Dataset(data.x_validation, data.y_validation)),
        callbacks=[Begin(), EpochScoring("accuracy", on_train=True, name="train_acc", lower_is_better=False)],
    )  # fmt: skip
    net.fit(data.x_train, data.y_train)
    return watches[0].read([])


PEERS: dict[str, tuple[str, Callable[[Job], Times]]] = {
    "Lightning": ("lightning", lightning),
    "Keras": ("keras", keras),
    "skorch": ("skorch", skorch),
}
