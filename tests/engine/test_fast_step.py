"""The quick ways through a training step against the plain one: the same numbers, each of them on or off.

What is plain: autograd through torch's modules, a gradient per parameter, torch's optimizers as they come.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.quickly import Snapping, farthest, recipe_of, same_weights, switched, train_here
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from engine import RunConfig
from engine.closedform import ClosedForm, WithLoss, closed_form, with_loss
from engine.direct import DirectAdam, DirectAdamW, DirectSGD
from engine.edits import put_in_place
from engine.flat import ALIGNED, ELEMENTWISE, Flat
from engine.losses import BinaryCrossEntropy
from engine.lr_find import find_lr
from engine.models import ACTIVATIONS, set_dropout

FUSED_TOLERANCE = 1e-5
"""How far weights are from those of torch's plain optimizers after 3 epochs, relative to the largest of their tensor."""

# -- a net with its gradient written out ------------------------------------------------------------------------------------


def net(sizes: tuple[int, ...], activation: type[nn.Module] = nn.ReLU, dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(1)
    layers: list[nn.Module] = [nn.Dropout(dropout / 3)] if dropout else []
    for before, after in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), activation(), *([nn.Dropout(dropout)] if dropout else [])]
    layers.append(nn.Linear(*sizes[-2:]))
    return nn.Sequential(*layers, *([nn.Flatten(0)] if sizes[-1] == 1 else []))


def batch(rows: int, sizes: tuple[int, ...], quantity: bool = False) -> tuple[Tensor, Tensor]:
    torch.manual_seed(rows)
    x = torch.randn(rows, sizes[0])
    return x, torch.randn(rows) if quantity else torch.randint(0, sizes[-1], (rows,))


def step_both_ways(
    model: nn.Sequential, criterion: nn.Module, batches: list[tuple[Tensor, Tensor]], whole: bool
) -> None:
    """Forward and backward over the batches of two steps by autograd and in closed form: outputs, losses, gradients equal."""
    plain, flat = copy.deepcopy(model), Flat(model)
    form = closed_form(model, flat)
    assert form is not None
    joined = with_loss(form, criterion) if whole else None
    assert (joined is not None) == whole
    call, loss_of = (joined, joined.loss) if joined else (form, criterion)
    share = 1 / len(batches)
    for step in range(2):
        plain.zero_grad()
        flat.zero(overwritten=True)  # leaves the gradients of the first step where they are
        for number, (x, y) in enumerate(batches):
            torch.manual_seed(step * 100 + number)
            expected = plain(x)
            wanted = criterion(expected, y)
            (wanted * share).backward()
            state = torch.get_rng_state()
            torch.manual_seed(step * 100 + number)
            output = call(x)
            loss = loss_of(output, y)
            (loss * share).backward()
            assert torch.equal(output, expected)
            assert torch.equal(loss.detach(), wanted)
            assert torch.equal(torch.get_rng_state(), state), "other random numbers were drawn"
        for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
            assert ours.grad is not None and theirs.grad is not None
            assert torch.equal(ours.grad, theirs.grad)


def assert_not_all_zero(model: nn.Module) -> None:
    assert all(weight.grad.any() for weight in model.parameters() if weight.ndim > 1)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name, dropout):
    for rows in (1, 2, 3, 7, 32, 33, 100, 256):
        for sizes in [(13, 8, 3), (64, 128, 64, 10), (30, 17, 9, 2), (7, 3)]:
            model = net(sizes, ACTIVATIONS[name], dropout)
            step_both_ways(model, nn.CrossEntropyLoss(), [batch(rows, sizes)], whole=True)
            if rows > 3:
                assert_not_all_zero(model)
            step_both_ways(
                net(sizes, ACTIVATIONS[name], dropout), nn.MultiMarginLoss(), [batch(rows, sizes)], whole=False
            )


@pytest.mark.parametrize("criterion", [nn.MSELoss(), nn.HuberLoss(), nn.L1Loss()], ids=lambda one: type(one).__name__)
def test_one_output(criterion):
    for rows in (1, 2, 31, 256):
        sizes = (13, 8, 1)
        step_both_ways(net(sizes), criterion, [batch(rows, sizes, True)], whole=isinstance(criterion, nn.MSELoss))
    step_both_ways(net((5, 4, 1)), BinaryCrossEntropy(), [(batch(9, (5, 2))[0], torch.arange(9) % 2)], whole=False)


def test_weights_of_classes_and_label_smoothing():
    sizes = (13, 8, 3)
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([0.2, 3.0, 1.1]))
    step_both_ways(net(sizes), weighted, [batch(33, sizes)], whole=True)
    smoothed = nn.CrossEntropyLoss(label_smoothing=0.1)
    step_both_ways(net(sizes), smoothed, [batch(33, sizes)], whole=False)


@pytest.mark.parametrize("whole", [True, False])
def test_batches_added_up(whole):
    sizes = (32, 256, 256, 5)
    criterion = nn.CrossEntropyLoss() if whole else nn.MultiMarginLoss()
    step_both_ways(net(sizes, nn.ReLU, 0.2), criterion, [batch(rows, sizes) for rows in (256, 256, 11)], whole)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.999, 1.0])
def test_dropout_of_any_rate_and_size(rate):
    """Masks are drawn in blocks; a batch may have more numbers than one."""
    model = nn.Sequential(nn.Linear(3, 700), nn.Dropout(rate), nn.Linear(700, 2))
    step_both_ways(model, nn.CrossEntropyLoss(), [batch(100, (3, 2))], whole=True)
    assert closed_form(nn.Sequential(nn.Dropout(0.0), nn.Linear(2, 2)), Flat(nn.Linear(2, 2))) is not None


def test_what_is_not_known_is_left_to_autograd():
    class Own(nn.ReLU):
        def forward(self, input: Tensor) -> Tensor:
            return input * 3

    hooked, watched, wrapped = net((3, 4, 2)), net((3, 4, 2)), net((3, 4, 2))
    hooked[1].register_forward_hook(lambda module, inputs, output: output * 2)
    watched[0].register_full_backward_hook(lambda module, inputs, outputs: None)
    wrapped.register_forward_pre_hook(lambda module, inputs: inputs)
    normed = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    others = [
        net((3, 4, 2), Own),
        nn.Sequential(nn.Linear(3, 4, bias=False)),
        nn.Sequential(nn.Linear(3, 2), nn.ReLU(True)),
    ]
    for model in (hooked, watched, wrapped, normed, *others):
        assert closed_form(model, Flat(model)) is None
    assert closed_form(net((3, 4, 2)), Flat(net((3, 4, 2)))) is not None


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


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("optimizer", sorted(ELEMENTWISE))
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
    for size in (32, 16, 8):
        sections = sections_of(optimizer, variant)
        sections["run"] = {**sections.get("run", {}), "batch_size": size}
        reads = HostReads()
        with monkeypatch.context() as patch, switched():
            for name in ("tolist", "cpu", "numpy", "item"):
                patch.setattr(Tensor, name, reads.counted(getattr(Tensor, name)))
            with reads:
                train_here(sections, 2)
        counts.append(reads.count)
    assert counts[0] == counts[1] == counts[2] > 2
