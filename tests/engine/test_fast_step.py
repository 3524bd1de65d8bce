"""The quick ways through a training step against the plain one: the same numbers, each of them on or off.

What is plain: autograd through torch's modules, a gradient per parameter, torch's optimizers as they come.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.quickly import Snapping, farthest, recipe_of, same_weights, switched, train_here
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils._python_dispatch import TorchDispatchMode

from engine import RunConfig
from engine.averaging import Average
from engine.closedform import ClosedForm, WithLoss
from engine.direct import DirectAdam, DirectAdamW, DirectSGD
from engine.edits import put_in_place
from engine.flat import ALIGNED, ELEMENTWISE
from engine.gradients import GradientNorms
from engine.lr_find import find_lr
from engine.metrics import BATCHES_AT_ONCE, Tally
from engine.models import set_dropout
from engine.recipe import evaluation_rows

FUSED_TOLERANCE = 1e-5
"""How far weights are from those of torch's plain optimizers after 3 epochs, relative to the largest of their tensor."""

# -- what a recipe chooses --------------------------------------------------------------------------------------------------


def kind_of(sections: dict[str, Any]) -> tuple[bool, str]:
    recipe = recipe_of(sections)
    return recipe.flat is not None, type(recipe.forward).__name__


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, (True, "WithLoss")),
        ({"model": {"kind": "linear"}}, (True, "WithLoss")),
        ({"data": {"source": "diabetes"}}, (True, "WithLoss")),
        ({"loss": {"name": "hinge"}}, (True, "ClosedForm")),
        ({"regularization": {"mixup": 0.4}}, (True, "ClosedForm")),
        ({"regularization": {"label_smoothing": 0.1}}, (True, "ClosedForm")),
        ({"model": {"batch_norm": True}}, (True, "Sequential")),
        ({"run": {"precision": "bfloat16"}}, (True, "Sequential")),
        ({"run": {"compile": True}}, (True, "Sequential")),
        ({"optimizer": {"name": "adafactor"}}, (False, "Sequential")),
        ({"optimizer": {"name": "muon"}}, (False, "Sequential")),
        ({"optimizer": {"name": "lbfgs"}, "run": {"batch_size": 0}}, (False, "Sequential")),
    ],
)
def test_which_way_is_taken(sections, expected):
    with switched():
        assert kind_of(sections) == expected
    with switched(closed_form=False):
        assert kind_of(sections) == (expected[0], "Sequential")
    with switched(flat=False):
        assert kind_of(sections) == (False, "Sequential")


def test_parameters_are_parts_of_one_vector_each_where_torch_would_put_it():
    recipe = recipe_of({})
    assert recipe.flat is not None
    begin, size = recipe.flat.values.data_ptr(), recipe.flat.values.numel() * 4
    for parameter in recipe.model.parameters():
        assert begin <= parameter.data_ptr() < begin + size
        assert parameter.data_ptr() % ALIGNED == parameter.grad.data_ptr() % ALIGNED == 0
    assert recipe.penalty._mask is recipe.weight_decay._mask is None, "memory for what is off"


def test_gradients_of_a_step_before_never_come_back(make_config):
    """The closed form leaves them standing until it overwrites them; what comes in its place adds to what is there."""
    recipe = recipe_of({})
    x, y = recipe.train.x[:20], recipe.train.y[:20]
    recipe.loss(recipe.forward(x), y).backward()
    recipe.zero_gradients()
    set_dropout(recipe.model, 0.0, 0.0)
    recipe.model[1].register_forward_hook(lambda module, inputs, output: None)
    recipe.choose_forward()
    assert recipe.forward is recipe.model
    recipe.loss(recipe.forward(x), y).backward()
    ours = [parameter.grad.clone() for parameter in recipe.model.parameters()]
    plain = nn.Sequential(*copy.deepcopy(list(recipe.model)))
    plain.zero_grad()
    nn.functional.cross_entropy(plain(x), y).backward()
    assert all(torch.equal(p, q.grad) for p, q in zip(ours, plain.parameters(), strict=True))


def test_dropout_put_into_a_running_net_is_left_to_autograd_and_taken_out_again_as_well():
    recipe = recipe_of({})
    config = RunConfig()
    before = isinstance(recipe.forward, WithLoss)
    late = config.model_copy(update={"regularization": config.regularization.model_copy(update={"dropout": 0.5})})
    put_in_place(recipe, late)
    assert before and recipe.forward is recipe.model
    with_modules = recipe_of({"regularization": {"dropout": 0.2}})
    put_in_place(with_modules, late)  # there it is only another rate
    assert isinstance(with_modules.forward, ClosedForm | WithLoss)
    assert [part.p for part in with_modules.model if isinstance(part, nn.Dropout)] == [0.5, 0.5]


# -- whole runs with each of the switches -----------------------------------------------------------------------------------

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "l1": {"regularization": {"l1": 1e-3}},
    "l2": {"regularization": {"l2": 3e-3, "penalty_on": "all"}},
    "decay": {"regularization": {"weight_decay": 0.05}},
    "clip_norm": {"optimizer": {"clip_norm": 0.3}, "regularization": {"l1": 1e-3, "l2": 1e-2}},
    "clip_value": {"optimizer": {"clip_value": 0.01, "clip_norm": 0.1}},
    "max_norm": {"regularization": {"max_norm": 0.5}},
    "dropout": {"regularization": {"dropout": 0.3, "input_dropout": 0.1}},
    "noise": {"regularization": {"input_noise": 0.2}},
    "mixup": {"regularization": {"mixup": 0.4}},
    "accumulation": {"run": {"accumulate": 3}, "regularization": {"dropout": 0.2}},
    "ema": {"run": {"average": "ema", "ema_decay": 0.9}},
    "swa": {"run": {"average": "swa", "swa_start": 0.3}},
    "smoothing": {"regularization": {"label_smoothing": 0.1}},
    "weighted": {"loss": {"class_weights": "balanced"}, "schedule": {"name": "one_cycle"}},
    "bce": {"data": {"source": "breast_cancer", "train_rows": 120}, "loss": {"name": "bce"}},
    "hinge": {"loss": {"name": "hinge"}, "schedule": {"name": "cosine", "warmup": 1}},
    "nll": {"loss": {"name": "nll"}, "model": {"activation": "gelu", "hidden": [9]}},
    "cnn": {
        "data": {"source": "digits", "train_rows": 70},
        "model": {"kind": "cnn", "channels": [3, 4], "hidden": [6]},
        "regularization": {"dropout": 0.1},
    },
    "batch_norm": {"model": {"hidden": [8], "batch_norm": True}},
    "regression": {"data": {"source": "diabetes"}, "model": {"hidden": [10], "activation": "tanh"}},
    "bfloat16": {"run": {"precision": "bfloat16"}},
}


def sections_of(optimizer: str, variant: str) -> dict[str, Any]:
    changes = VARIANTS[variant]
    return {**changes, "optimizer": {"name": optimizer, **changes.get("optimizer", {})}}


FEW = ("plain", "decay", "clip_norm", "accumulation")
"""What every optimizer is tried with; two of them with everything, and all with everything in the long run."""
PAIRS = [
    pytest.param(name, variant, marks=() if name in ("adam", "sgd") or variant in FEW else pytest.mark.soak)
    for name in sorted(ELEMENTWISE)
    for variant in VARIANTS
]


@pytest.mark.parametrize(("optimizer", "variant"), PAIRS)
def test_flat_or_not_and_in_closed_form_or_not_is_the_same_to_the_last_bit(optimizer, variant):
    sections = sections_of(optimizer, variant)
    with switched(flat=False, fused=False):
        plain = train_here(sections)
    with switched(fused=False):
        quick = train_here(sections)
    assert quick.training.recipe.flat is not None and plain.training.recipe.flat is None
    assert same_weights(quick, plain)
    assert quick.history == plain.history
    if variant in ("plain", "cnn", "regression"):
        with switched(closed_form=False, fused=False):
            between = train_here(sections)
        assert same_weights(between, plain) and between.history == plain.history
    assert plain.epochs[0].val_loss != plain.epochs[1].val_loss, "nothing was learned, so nothing was compared"


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "bfloat16"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_fused_or_not_is_the_same_within_the_tolerance(optimizer, variant):
    sections = sections_of(optimizer, variant)
    with switched(fused=False):
        plain = train_here(sections, 3)
    with switched():
        fused = train_here(sections, 3)
    assert isinstance(fused.training.recipe.optimizer, DirectAdam | DirectAdamW | DirectSGD)
    # That of SGD happens to round alike on a CPU.
    assert optimizer == "sgd" or not same_weights(fused, plain), "is the kernel another one at all?"
    # A bias in front of batch norm has no effect, and for a gradient the noise of rounding, which Adam makes large.
    noisy = variant == "batch_norm"
    assert noisy or farthest(fused, plain) < FUSED_TOLERANCE
    for ours, theirs in zip(fused.epochs, plain.epochs, strict=True):
        assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-4 if noisy else FUSED_TOLERANCE)
        assert ours.grad_norm == pytest.approx(theirs.grad_norm, rel=FUSED_TOLERANCE)


# -- a run that is taken up on the other side of a switch -------------------------------------------------------------------


@pytest.mark.parametrize("place", [(1, 0), (1, 4)], ids=["between epochs", "between batches"])
@pytest.mark.parametrize("optimizer", sorted(ELEMENTWISE))
def test_a_checkpoint_goes_from_flat_to_not_and_back(optimizer, place):
    """Parameter by parameter as torch has it, on both sides; amid the batches of one step, and of one epoch's sums."""
    sections = {"optimizer": {"name": optimizer}, "run": {"accumulate": 3, "batch_size": 16, "average": "ema"}}
    for first in (True, False):
        with switched(flat=first, fused=False):
            keeper = Snapping(place)
            straight = train_here(sections, 3, keeper)
        with switched(flat=not first, fused=False):
            resumed = train_here(sections, 3, content=keeper.content)
        assert (straight.training.recipe.flat is None) != (resumed.training.recipe.flat is None)
        assert same_weights(resumed, straight)
        assert resumed.history == straight.history[place[0] :]
        names = {frozenset(own) for own in keeper.content["optimizer"]["state"].values()}
        assert len(keeper.content["optimizer"]["state"]) == 6 and len(names) == 1


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_checkpoint_of_a_fused_run_is_gone_on_from_without_it_and_back(optimizer):
    for first in (True, False):
        sections = {"optimizer": {"name": optimizer}}
        with switched(fused=first):
            keeper = Snapping((1, 2))
            straight = train_here(sections, 3, keeper)
        with switched(fused=not first, flat=not first):
            resumed = train_here(sections, 3, content=keeper.content)
        assert bool(resumed.training.recipe.optimizer.param_groups[0]["fused"]) != first
        assert farthest(resumed, straight) < FUSED_TOLERANCE


def test_the_state_of_another_model_is_refused_by_its_name():
    with switched():
        keeper = Snapping((1, 0))
        train_here({}, 2, keeper)
        with pytest.raises(ValueError, match="the checkpoint is of another model"):
            train_here({"model": {"hidden": [5]}}, 2, content=keeper.content)


# -- lr_find, threads, and the host -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_the_range_test_takes_the_same_steps(make_config, optimizer):
    config = make_config(data={"source": "wine"}, optimizer={"name": optimizer}, regularization={"dropout": 0.2})
    with switched(flat=False, fused=False):
        plain = find_lr(config, steps=40)
    with switched(fused=False):
        quick = find_lr(config, steps=40)
    assert quick == plain
    assert min(plain.smoothed) < plain.smoothed[3]


def test_two_runs_in_two_threads_do_not_see_each_other():
    sections = [{"run": {"seed": seed}, "optimizer": {"name": name}} for seed, name in [(1, "adam"), (2, "sgd")]]
    recipes_need_the_seed = threading.Lock()  # torch has one generator, from which the initial weights are drawn
    alone = [train_here(part, 6) for part in sections]
    together: dict[int, Any] = {}

    def train(place: int) -> None:
        from support.quickly import config_of, data_of

        from engine.loop import fit
        from engine.recipe import build_recipe
        from engine.training import Training

        config = config_of(sections[place], 6)
        with recipes_need_the_seed:
            training = Training(build_recipe(config, data_of(sections[place])), config)
        fit(training, lambda event: None, Snapping())
        together[place] = list(training.recipe.model.state_dict().values())

    threads = [threading.Thread(target=train, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, one in enumerate(alone):
        assert all(torch.equal(p, q) for p, q in zip(one.weights, together[place], strict=True))


class HostReads(TorchDispatchMode):
    """Counts every way in which a number comes from the device to the host."""

    count = 0

    def counted(self, own: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self.count += 1
            return own(*args, **more)

        return call

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket._qualified_op_name in ("aten::_local_scalar_dense", "aten::is_nonzero")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "variant", ["plain", "dropout", "clip_norm", "accumulation", "ema", "smoothing", "cnn", "regression"]
)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_twice_as_many_steps_read_nothing_more_to_the_host(monkeypatch, optimizer, variant):
    counts = []
    for size in (32, 8):
        sections = sections_of(optimizer, variant)
        sections["run"] = {**sections.get("run", {}), "batch_size": size}
        reads = HostReads()
        with monkeypatch.context() as patch, switched():
            for name in ("tolist", "cpu", "numpy", "item"):
                patch.setattr(Tensor, name, reads.counted(getattr(Tensor, name)))
            with reads:
                train_here(sections, 2)
        counts.append(reads.count)
    assert counts[0] == counts[1] > 2


# -- what is measured -------------------------------------------------------------------------------------------------------


def test_a_layer_whose_gradient_explodes_is_named_and_the_others_keep_their_figures():
    recipe = recipe_of({})
    norms = GradientNorms(recipe.model, 1, recipe.clipping)
    for number, parameter in enumerate(recipe.model.parameters()):
        parameter.grad.fill_(torch.inf if number == 2 else 1.0)
    norms.before(1)
    norms.after(1)
    found = norms.read()
    whole, layers = found.norm, found.layers
    assert whole == layers[1] == torch.inf
    assert layers[0] == pytest.approx((13 * 12 + 12) ** 0.5) and layers[2] == pytest.approx((7 * 3 + 3) ** 0.5)


def test_clipping_switched_on_within_an_epoch_is_seen_by_the_norms():
    recipe = recipe_of({})
    norms = GradientNorms(recipe.model, 1, recipe.clipping)
    recipe.flat.gradient.fill_(1.0)
    norms.before(1)
    recipe.clipping.norm = 0.5
    recipe.clipping.apply()
    norms.after(1)
    found = norms.read()
    before, after = found.norm, found.clipped
    assert before > 10 and after == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_sums_taken_up_again_add_in_the_order_of_an_unbroken_epoch(task):
    """Losses of all sizes, so that another order of the additions would show in the last digits."""

    def batches() -> list[tuple[Tensor, Tensor, Tensor]]:
        torch.manual_seed(0)
        size = (5, 3) if task == "classification" else (5,)
        target = torch.randint(0, 3, (5,)) if task == "classification" else torch.randn(5)
        return [
            (torch.rand(()) * 10.0 ** (n % 30 - 15), torch.randn(size), target) for n in range(BATCHES_AT_ONCE + 300)
        ]

    def fresh() -> Tally:
        return Tally(task, 1.0, torch.device("cpu"))

    straight = fresh()
    for one in batches():
        straight.add(*one)
    expected = straight.read()
    for place in (0, 7, BATCHES_AT_ONCE - 1, BATCHES_AT_ONCE, BATCHES_AT_ONCE + 200):
        first, second = fresh(), fresh()
        for one in batches()[:place]:
            first.add(*one)
        second.load_state_dict(first.state_dict())
        for tally in (first, second):
            for one in batches()[place:]:
                tally.add(*one)
            assert tally.read() == expected


def test_an_average_that_forgets_is_torchs_bit_for_bit():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    ours = Average(model, "ema", 0.8, 0.0, 1)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.8), use_buffers=True)
    for step in range(7):
        model(torch.randn(6, 5)).sum().backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
        if step == 4:  # taken up again
            state = ours.state_dict()
            ours = Average(model, "ema", 0.8, 0.0, 1)
            ours.load_state_dict(state)
        ours.after_step()
        theirs.update_parameters(model)
        pairs = zip(ours.averaged.state_dict().values(), theirs.state_dict().values(), strict=True)
        assert all(torch.equal(own, other) for own, other in pairs)


def test_small_and_large_batches_of_the_evaluation_give_the_same_figures(monkeypatch):
    with switched():
        at_once = train_here(VARIANTS["dropout"], 1)
        monkeypatch.setattr("engine.recipe.CACHED", 1)
        monkeypatch.setattr("engine.recipe.EVALUATION_ROWS", 10)
        apart = train_here(VARIANTS["dropout"], 1)
        weighted = recipe_of({"loss": {"class_weights": "balanced"}}).evaluation_rows
    assert apart.training.recipe.evaluation_rows == weighted == 10
    for one, other in zip(at_once.epochs, apart.epochs, strict=True):
        assert (one.train_loss, one.val_loss) == pytest.approx((other.train_loss, other.val_loss), rel=1e-6)
        assert one.val_metrics == pytest.approx(other.val_metrics)


def test_evaluation_goes_by_what_fits_the_cache_of_a_cpu():
    cpu, gpu, plain = torch.device("cpu"), torch.device("cuda"), nn.CrossEntropyLoss()
    picture = nn.Sequential(nn.Conv2d(1, 16, 3), nn.Flatten(), nn.Linear(16, 10))
    assert evaluation_rows(picture, plain, 28 * 28, cpu) == 128
    assert evaluation_rows(nn.Linear(4, 256), plain, 1, cpu) == 1024
    assert evaluation_rows(nn.Linear(4, 2), plain, 1, cpu) == evaluation_rows(picture, plain, 784, gpu) == 8192
    assert evaluation_rows(picture, nn.CrossEntropyLoss(weight=torch.ones(10)), 784, cpu) == 8192
