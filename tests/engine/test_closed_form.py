"""Nets whose gradient is written out against autograd: the same numbers, to the last bit."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn

from engine.closedform import closed_form, with_loss
from engine.flat import Flat
from engine.losses import BinaryCrossEntropy
from engine.models import ACTIVATIONS


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
    for rows, sizes in itertools.product((1, 2, 3, 7, 32, 33, 100, 256), [(64, 128, 64, 10), (30, 17, 9, 2), (7, 3)]):
        model = net(sizes, ACTIVATIONS[name], dropout)
        step_both_ways(model, nn.CrossEntropyLoss(), [batch(rows, sizes)], whole=True)
        if rows > 3:
            assert_not_all_zero(model)
    again = net(sizes, ACTIVATIONS[name], dropout)
    step_both_ways(again, nn.MultiMarginLoss(), [batch(33, sizes)], whole=False)


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


@pytest.mark.gpu
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_on_a_gpu_it_draws_the_same_masks_and_gives_the_same_gradients(name):
    sizes = (32, 64, 64, 5)
    model = net(sizes, ACTIVATIONS[name], 0.3).cuda()
    plain, flat = copy.deepcopy(model), Flat(model)
    form = closed_form(model, flat)
    assert form is not None
    joined = with_loss(form, nn.CrossEntropyLoss())
    assert joined is not None
    x, y = (part.cuda() for part in batch(128, sizes))
    torch.manual_seed(5)
    expected = plain(x)
    nn.functional.cross_entropy(expected, y).backward()
    torch.manual_seed(5)
    flat.zero(overwritten=True)
    output = joined(x)
    joined.loss(output, y).backward()
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
