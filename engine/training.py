"""Everything that moves while a recipe is trained: what a checkpoint holds, and what is put back to go on from one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from . import events as e
from .config import RunConfig
from .configfile import to_nested
from .diagnosis import Doctor, Setting, raised
from .edits import edited_config, put_in_place, renew_schedule
from .facts import MadeEdit
from .flat import load_optimizer_state, optimizer_state
from .gradients import GradientNorms, named_layers
from .knobs import values
from .metrics import Tally
from .ownmodel import OwnModel, chance_state, put_chance, seed_chance
from .rankstates import change_words, ranks_of, state_of
from .recipe import Recipe, apart
from .rowlosses import RowLosses
from .stopping import EarlyStopping
from .units import looks

FORMAT = 1
"""Of a checkpoint's content; a reader refuses what is newer."""

HALF_PATIENCE = 20
"""Batches in a row whose loss is no number that are a finding in float16: a scale of 2^16, halved each time, is 1 by then."""


@dataclass
class Partial:
    """The epoch under way: its learning rate at the beginning and the sums over its batches so far."""

    lr: float
    tally: Tally
    norms: GradientNorms


class Training:
    """A recipe and how far it has been trained.

    config: the settings in force. planned: the epochs it can have. done: whole epochs. batch: batches done of the next one,
    all of them when only its validation is left. stopping: where early stopping stands. best_weights: those of its best
    epoch, or None. chance: what dropout on a CPU draws from; torch's own unless several trainings take turns. last_loss and last_train_loss: the latest validation and training loss. history: the epochs so far, for whoever judges a run by them.
    """

    def __init__(self, recipe: Recipe, config: RunConfig) -> None:
        self.recipe = recipe
        self.started = self.config = config
        self.planned = config.run.epochs
        self.done = self.batch = 0
        self.partial: Partial | None = None
        self.stopping: EarlyStopping = recipe.stopping
        self.best_loss = self.last_loss = self.last_train_loss = math.nan
        self.best_weights: dict[str, Any] | None = None
        self.edits: list[MadeEdit] = []
        self.waiting: dict[str, str] = {}
        self.history: dict[int, e.EpochEnded] = {}
        self.row_losses = RowLosses(recipe.criterion)
        self.doctor = Doctor(self._setting())
        self.chance: torch.Generator = torch.default_generator
        self._order_state = recipe.order.get_state()
        self._gradients: list[Tensor | None] | None = None

    # -- through an epoch ---------------------------------------------------------------------------------------------

    def begin_epoch(self) -> Partial:
        """The sums of the epoch under way: fresh ones, or those that a checkpoint in its middle brought."""
        if self.partial is None:
            self._order_state = self.recipe.order.get_state()
            norms = self._fresh_norms()
            self.partial = Partial(self.recipe.schedule.lr, self.recipe.tally(), norms)
        if self._gradients is not None:
            for parameter, gradient in zip(self.recipe.model.parameters(), self._gradients, strict=True):
                if parameter.grad is None:
                    parameter.grad = gradient
                elif gradient is not None:
                    parameter.grad.copy_(gradient)  # it may be a part of a longer vector
                else:
                    parameter.grad.zero_()
            self._gradients = None
            if self.recipe.flat is not None:
                self.recipe.flat.stale = False
        return self.partial

    def _fresh_norms(self) -> GradientNorms:
        recipe = self.recipe
        return GradientNorms(recipe.model, recipe.accumulation.steps, recipe.clipping, compare=looks(self.done + 1))

    def draw_alone(self) -> None:
        """From now on draw from a generator of its own, which stands where torch's own stands."""
        self.chance = torch.Generator()
        self.chance.set_state(torch.get_rng_state())

    def end_epoch(self, train_loss: float, val_loss: float) -> None:
        """Count the epoch under way as done."""
        self.done, self.batch, self.partial = self.done + 1, 0, None
        self.last_train_loss, self.last_loss = train_loss, val_loss

    def examine(self, ended: e.EpochEnded) -> Iterator[e.Event]:
        """Take an epoch into the history; what the diagnosis has to say about it."""
        self.history[ended.epoch] = ended
        if self._judged is not self.config or self.planned != self.doctor.setting.max_epochs:
            self.doctor.setting = self._setting()
        return self.doctor.examine(ended)

    def examine_steps(self, batch: int, loss: float) -> Iterator[e.Event]:
        """What the diagnosis has to say when the epoch under way has done so many batches: a loss that is no number, at once.

        loss: the mean over the batches since it was read last. Only if it is no number is there a wait for the device, to find
        out at which batch it began.
        """
        if math.isfinite(loss) or self.partial is None:
            return
        half = self.config.run.precision == "float16"
        broken_for = self.partial.tally.broken_for(in_a_row=half)
        if half and broken_for < HALF_PATIENCE:
            return  # a step that overflows is left out, and the next ones are scaled to less
        layer = self.partial.norms.broken_layer()
        name = "" if layer is None else named_layers(self.recipe.model)[layer][0]
        step = batch - broken_for + 1 if broken_for else batch
        yield from self.doctor.broke(self.done + 1, step, loss, name, known=broken_for > 0)

    def _setting(self) -> Setting:
        """What the diagnosis should know of the run beside its epochs."""
        self._judged = self.config
        return Setting(
            max_epochs=self.planned,
            baseline=self.recipe.baseline,
            layers=named_layers(self.recipe.model),
            schedule=self.config.schedule.name,
            config=values(self.config),
            classes=self.recipe.classes,
        )

    # -- to and from a checkpoint -------------------------------------------------------------------------------------

    @torch.no_grad()
    def snapshot(self) -> dict[str, Any]:
        """All of the state as a nested dict of tensors on the host, copied, and plain values.

        On several ranks rank 0 makes it, while the others `contribute`.
        """
        recipe = self.recipe
        others = recipe.together.gathered(self._own())[1:] if recipe.together.several else []
        content: dict[str, Any] = {
            "format": FORMAT,
            "config": json.dumps(to_nested(self.started)),
            "planned": self.planned,
            "done": self.done,
            "batch": self.batch,
            "model": recipe.model.state_dict(),
            "optimizer": optimizer_state(recipe.optimizer, recipe.flat),
            "schedule": recipe.schedule.state_dict(),
            "average": recipe.average.state_dict(),
            "scaler": recipe.precision.scaler.state_dict(),
            "random": self._random_states(),
            "stopping": asdict(self.stopping),
            "best_loss": self.best_loss,
            "last_loss": self.last_loss,
            "last_train_loss": self.last_train_loss,
            "best_weights": self.best_weights,
            "row_losses": self.row_losses.state_dict(),
            "edits": [[edit.epoch, edit.batch, dict(edit.changes)] for edit in self.edits],
            "waiting": dict(self.waiting),
        }
        if others:
            content["others"] = others
        if self.partial is not None and self.batch:
            partial = self.partial
            content["partial"] = {
                "lr": partial.lr,
                "tally": partial.tally.state_dict(),
                "norms": partial.norms.state_dict(),
                # Restored a moment ago, they may not have been handed to the model yet.
                "gradients": self._gradients or [parameter.grad for parameter in recipe.model.parameters()],
            }
        return _copied(content)

    def contribute(self) -> None:
        """Give rank 0, which makes a snapshot, what this rank has for itself."""
        self.recipe.together.gathered(self._own())

    def _own(self) -> dict[str, Any]:
        """What only this rank has: see engine.rankstates."""
        state: dict[str, Any] = {"random": self._random_states()}
        if self.partial is not None and self.batch:
            state["tally"] = self.partial.tally.state_dict()
            if not self.recipe.accumulation.completes(self.batch):
                state["gradients"] = self._gradients or [one.grad for one in self.recipe.model.parameters()]
        return _copied(state)

    def expected_bytes(self) -> int:
        """About how large a checkpoint will be: the weights, those of the best epoch, two numbers a weight for the optimizer,
        and the average if there is one."""
        weights = sum(value.numel() * value.element_size() for value in self.recipe.model.state_dict().values())
        return weights * (4 + (self.recipe.average.averaged is not None))

    def restore(self, content: Mapping[str, Any]) -> list[str]:
        """Put back what `snapshot` gave: the numbers that follow are those that followed then.

        Returns what a person should know, a line each: with another number of ranks, in what the numbers differ. Raises ValueError when the content was written by a newer version, or for another model.
        """
        if content.get("format") != FORMAT:
            raise ValueError(f"the checkpoint has format {content.get('format')}, and this version reads {FORMAT}")
        recipe = self.recipe
        self.edits = [MadeEdit(epoch, batch, dict(changes)) for epoch, batch, changes in content["edits"]]
        self.waiting = dict(content["waiting"])
        self.config = edited_config(self.started, self.edits)
        put_in_place(recipe, self.config)
        renew_schedule(recipe, self.config)
        try:
            recipe.model.load_state_dict(content["model"])
        except RuntimeError as error:
            raise ValueError(f"the checkpoint is of another model: {str(error).splitlines()[0]}") from None
        load_optimizer_state(recipe.optimizer, content["optimizer"], recipe.flat)
        recipe.schedule.load_state_dict(content["schedule"])
        recipe.average.load_state_dict(content["average"])
        recipe.precision.scaler.load_state_dict(content["scaler"])
        self.planned, self.done, self.batch = content["planned"], content["done"], content["batch"]
        self.stopping = EarlyStopping(**content["stopping"])
        self.best_loss = content["best_loss"]
        self.last_loss, self.last_train_loss = content["last_loss"], content["last_train_loss"]
        best = content["best_weights"]
        self.best_weights = None if best is None else {name: value.to(recipe.device) for name, value in best.items()}
        self.row_losses = RowLosses(recipe.criterion)
        if (rows := content.get("row_losses")) is not None:
            self.row_losses.load_state_dict(rows, recipe.device)
        self.partial, self._gradients = None, None
        world = recipe.together.world
        own = state_of(content, world)
        if (partial := content.get("partial")) is not None:
            norms = self._fresh_norms()
            self.partial = Partial(partial["lr"], recipe.tally(), norms)
            if len(own.tallies) == 1:
                self.partial.tally.load_state_dict(own.tallies[0])
            else:
                self.partial.tally.merge(own.tallies)
            norms.load_state_dict(partial["norms"], recipe.device)
            self._gradients = [None if one is None else one.to(recipe.device) for one in own.gradients]
        self.history = {epoch: ended for epoch, ended in self.history.items() if epoch <= self.done}
        self.doctor = Doctor(self._setting())
        for ended in self.history.values():
            list(self.doctor.examine(ended))
        self._put_random_states(own.random)
        if own.fresh:
            torch.manual_seed(apart(self.started.run.seed + self.done + self.batch, world.rank))
            seed_chance(apart(self.started.run.seed + self.done + self.batch, world.rank))
        return change_words(ranks_of(content), world.size)

    def go_on(self, epochs: int) -> None:
        """Plan `epochs` more, from here on if this was the end; early stopping does not end the run before they are done."""
        at_its_end = self.batch == 0 and (self.stopping.should_stop or self.done >= self.planned)
        self.planned = (self.done if at_its_end else self.planned) + epochs
        self.stopping = self.stopping.overruled_until(self.planned)

    def told(self) -> Iterator[e.Event]:
        """Where early stopping and the diagnosis stand, as events."""
        if self.recipe.stops_early and self.done > 0:
            yield self.stopping_event()
        for finding in self.doctor.held():
            yield raised(self.done, finding)

    def stopping_event(self) -> e.EarlyStoppingChecked:
        """Where early stopping stands after the last whole epoch."""
        state = self.stopping
        return e.EarlyStoppingChecked(
            epoch=self.done,
            best=state.best,
            best_epoch=state.best_epoch,
            waited=state.waited,
            patience=state.patience or 0,
            must_beat=state.must_beat,
            monitor=self.recipe.monitor,
            mode=state.mode,
            start=state.start,
        )

    def rewound(self, why: Any) -> e.Rewound:
        """The event that says where training stands."""
        return e.Rewound(
            epochs=self.done,
            batch=self.batch,
            best_epoch=self.stopping.best_epoch,
            best_loss=self.best_loss,
            planned=self.planned,
            config=to_nested(self.config),
            edits=len(self.edits),
            why=why,
        )

    def _random_states(self) -> dict[str, Any]:
        """Every generator that a run draws from; that of the batches as it was before it drew the order of this epoch."""
        recipe = self.recipe
        states: dict[str, Any] = {
            "torch": self.chance.get_state(),
            "order": self._order_state if self.batch else recipe.order.get_state(),
            "noise": recipe.augment.noise_generator.get_state(),
            "mixup": json.dumps(recipe.augment.mixup_generator.bit_generator.state),
            "moves": recipe.augment.moves_generator.get_state(),
        }
        if isinstance(recipe.model, OwnModel):
            states["own"] = chance_state()
        if recipe.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(recipe.device)
        if recipe.device.type == "mps":
            states["mps"] = torch.mps.get_rng_state()
        return states

    def _put_random_states(self, states: Mapping[str, Any]) -> None:
        recipe = self.recipe
        recipe.order.set_state(states["order"])
        self._order_state = states["order"]
        recipe.augment.noise_generator.set_state(states["noise"])
        recipe.augment.mixup_generator.bit_generator.state = json.loads(states["mixup"])
        if "own" in states:
            put_chance(states["own"])
        if "moves" in states:  # not in checkpoints of versions without flips and shifts
            recipe.augment.moves_generator.set_state(states["moves"])
        if "cuda" in states and recipe.device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], recipe.device)
        if "mps" in states and recipe.device.type == "mps":
            torch.mps.set_rng_state(states["mps"])
        if "torch" in states:
            self.chance.set_state(states["torch"])


def _copied(value: Any) -> Any:
    """A nested value with its tensors copied to the host; one that stands in two places is copied once."""
    seen: dict[int, Tensor] = {}

    def copy(item: Any) -> Any:
        if isinstance(item, Tensor):
            if id(item) not in seen:
                seen[id(item)] = item.detach().to("cpu", copy=True)
            return seen[id(item)]
        if isinstance(item, Mapping):
            return {key: copy(one) for key, one in item.items()}
        if isinstance(item, list):
            return [copy(one) for one in item]
        if isinstance(item, tuple):
            return tuple(copy(one) for one in item)
        return item

    return copy(value)
