"""The parts of a step on several ranks, without the ranks: each is made for every rank of a world, and put together by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from support.configs import config_in
from torch import nn

from engine import ConfigError
from engine.agreement import MOST, Pace
from engine.data.batches import Batches
from engine.data.prepared import load_prepared
from engine.data.shared import SharedBatches
from engine.losses import BinaryCrossEntropy
from engine.misfits import refuse_misfits
from engine.rankstates import change_words, ranks_of, state_of
from engine.regularization import Augmentation, Mixed, loss_of
from engine.sharing import SharedAugmentation, SharedLoss
from engine.together import Together
from engine.world import World, current_world

CPU = torch.device("cpu")


def world_of(size: int) -> list[World]:
    return [World(rank, size) for rank in range(size)]


# -- which rows are whose -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("rows", [0, 1, 2, 7, 8, 100])
def test_every_row_is_one_ranks(size, rows):
    parts = [range(rows)[world.share(rows)] for world in world_of(size)]
    assert [row for part in parts for row in part] == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for world, part in zip(world_of(size), parts, strict=True):
        assert list(range(rows)[world.taken(rows)]) == (list(part) or [0][:rows])


def test_the_world_is_as_torchrun_says():
    assert current_world({}) == World() == World(0, 1, 0)
    said = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    assert current_world(said) == World(5, 8, 1)
    assert not current_world(said).first
    assert current_world({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}) == World()
    for wrong in ({"RANK": "8"}, {"RANK": "x"}, {"WORLD_SIZE": "0"}, {"LOCAL_RANK": "-1"}):
        with pytest.raises(ConfigError, match="does not name a rank"):
            current_world({**said, **wrong})


@pytest.mark.parametrize("whole", [False, True])
def test_batches_are_those_of_one_process(whole):
    x, y = np.arange(46, dtype=np.float32).reshape(23, 2), np.arange(23)
    alone = Batches(x, y, 5, CPU)
    shared = [SharedBatches(x, y, 5, CPU, world, whole) for world in world_of(4)]
    for draw in (lambda one: one.in_order(), lambda one: one.shuffled(torch.Generator().manual_seed(1), 2)):
        wanted, found = list(draw(alone)), [list(draw(one)) for one in shared]
        for number, (rows, targets) in enumerate(wanted):
            for own in found:
                assert own[number][1].equal(targets)
            if whole and draw(shared[0]).__name__ == "shuffled":
                assert all(own[number][0].equal(rows) for own in found)
                continue
            taken = zip(shared, found, strict=True)
            own_rows = [own[number][0][: len(rows[one.world.share(len(rows))])] for one, own in taken]
            assert torch.cat(own_rows).equal(rows)
            assert all(len(own[number][0]) for own in found), "a rank without a row gets one to compute with"
    assert next(iter(shared[3].alone().in_order()))[0].equal(torch.from_numpy(x[:5]))


# -- loss and augmentation ----------------------------------------------------------------------------------------------

WEIGHTS = torch.tensor([0.2, 1.0, 3.0])
LOSSES = {
    "cross-entropy": (nn.CrossEntropyLoss(), 3),
    "with weights and smoothing": (nn.CrossEntropyLoss(weight=WEIGHTS, label_smoothing=0.2), 3),
    "nll": (nn.NLLLoss(weight=WEIGHTS), 3),
    "hinge": (nn.MultiMarginLoss(weight=WEIGHTS), 3),
    "binary": (BinaryCrossEntropy(pos_weight=torch.tensor(2.0)), 1),
    "squares": (nn.MSELoss(), 0),
}


@pytest.mark.parametrize("rows", [1, 5, 12])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_over_the_ranks_is_the_loss_of_the_batch_and_so_is_its_gradient(name, mixed, rows):
    criterion, classes = LOSSES[name]
    generator = torch.Generator().manual_seed(rows)
    output = torch.randn((rows, 3) if classes == 3 else (rows,), generator=generator, requires_grad=True)
    high = max(2, classes)
    targets = [torch.randint(0, high, (rows,), generator=generator) for _ in range(2)]
    if not classes:
        targets = [one.float() for one in targets]
    target: Any = Mixed(*targets, share=0.3) if mixed else targets[0]
    whole = loss_of(criterion, output, target)
    (wanted,) = torch.autograd.grad(whole, output)
    total = torch.stack(
        [loss_of(SharedLoss(criterion, world), output[world.taken(rows)], target) for world in world_of(3)]
    ).mean()
    (found,) = torch.autograd.grad(total, output)
    assert torch.allclose(total, whole, atol=1e-6)
    assert torch.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_a_row_goes_through_what_it_goes_through_in_one_process(rows, mixup):
    options: dict[str, Any] = {"flip": True, "shift": 1, "shape": (1, 4, 4)}
    alone = Augmentation(0.1, mixup, 3, CPU, **options)
    ranks = [SharedAugmentation(0.1, mixup, 3, CPU, world=world, **options) for world in world_of(3)]
    for step in range(3):
        x, y = torch.randn(rows, 16, generator=torch.Generator().manual_seed(step)), torch.arange(rows)
        wanted, target = alone(x, y)
        found = []
        for world, augment in zip(world_of(3), ranks, strict=True):
            own, theirs = augment(x if mixup else x[world.taken(rows)], y)
            found.append(own[: len(x[world.share(rows)])])
            if isinstance(target, Mixed):
                assert isinstance(theirs, Mixed)
                assert theirs.second.equal(target.second)
                assert theirs.share == target.share
        assert torch.cat(found).equal(wanted)


def test_rows_that_are_alone_are_blended_among_themselves():
    """As where the rows are streamed, and each rank reads its own."""
    x, y = torch.arange(9.0).view(9, 1), torch.arange(9)
    for world in world_of(2):
        augment, mine = SharedAugmentation(0.0, 0.5, 3, CPU, world=world), world.share(9)
        own, target = augment(x[mine], y)
        assert isinstance(target, Mixed)
        partners = target.second[mine]
        assert sorted(partners.tolist()) == y[mine].tolist()
        assert own.equal(target.share * x[mine] + (1 - target.share) * x[partners])


# -- state --------------------------------------------------------------------------------------------------------------


def content_of(ranks: int) -> dict[str, Any]:
    """Of a checkpoint in the middle of a step."""
    own = [
        {
            "random": {"torch": rank, "order": "o"},
            "tally": {"of": rank},
            "gradients": [torch.full((2,), rank * 2.0), None],
        }
        for rank in range(ranks)
    ]
    first = own[0]
    content = {"random": first["random"], "partial": {"tally": first["tally"], "gradients": first["gradients"]}}
    return {**content, "others": own[1:]} if ranks > 1 else content


def test_as_many_ranks_take_what_was_their_own():
    content = content_of(3)
    for world in world_of(3):
        state = state_of(content, world)
        assert (state.random["torch"], state.tallies, state.fresh) == (world.rank, [{"of": world.rank}], False)
        assert state.gradients[0] is not None
        assert state.gradients[0].tolist() == [world.rank * 2.0] * 2
    assert (ranks_of(content), change_words(3, 3)) == (3, [])


def test_another_number_of_ranks_takes_the_sums_once_and_the_mean_of_the_gradients():
    states = [state_of(content_of(3), world) for world in world_of(2)]
    assert [state.tallies for state in states] == [[{"of": 0}, {"of": 1}, {"of": 2}], []]
    assert [state.gradients[0].tolist() for state in states] == [[2.0, 2.0]] * 2
    assert states[0].gradients[1] is None
    assert [(state.fresh, "torch" in state.random, "order" in state.random) for state in states] == [
        (False, True, True),
        (True, False, True),
    ]
    alone = state_of(content_of(3), World())
    assert (len(alone.tallies), alone.fresh) == (3, False)
    assert [state_of(content_of(1), world).tallies for world in world_of(2)] == [[{"of": 0}], []]
    assert "1 rank goes on with what 3 have trained" in change_words(3, 1)[0]


def test_ranks_agree_sooner_when_batches_become_slow(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("engine.agreement.time.perf_counter", lambda: now[0])
    pace, counts = Pace(), []
    for seconds in (0.001, 0.009, 1.0, 0.2, 0.1):
        batches = 0
        while True:
            batches, now[0] = batches + 1, now[0] + seconds
            if pace.due():
                break
        counts.append(batches)
        pace.begin(pace.proposed())
    assert counts == [1, MOST, 16, 1, 1]


def test_a_rank_has_a_cuda_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    together = Together.__new__(Together)
    cuda = torch.device("cuda")
    for local, rank in ((0, 2), (1, 3)):
        together.world = World(rank, 4, local)
        assert together.device(cuda) == torch.device("cuda", local)
    assert chosen == [0, 1]
    together.world = World(2, 4, 2)
    with pytest.raises(
        ConfigError, match="rank 2 is number 3 on a machine with 2 CUDA devices; use 2 devices a machine"
    ):
        together.device(cuda)
    with pytest.raises(ConfigError, match="mps cannot be shared by 4 ranks"):
        together.device(torch.device("mps"))
    assert together.device(CPU) == CPU
    assert Together().device(cuda) == cuda


# -- what several ranks cannot train ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"optimizer": {"name": "lbfgs"}, "run": {"batch_size": 0}}, "optimizer.name"),
        ({"run": {"batch_size": 1}}, "run.batch_size"),
        ({"model": {"batch_norm": True}, "run": {"batch_size": 20}}, "model.batch_norm"),
    ],
)
def test_what_several_ranks_cannot_train_is_refused_before_it_begins(tmp_path, sections, key):
    config = config_in(tmp_path, data={"source": "wine"}, **sections)
    data = load_prepared(config.data)
    train = Batches(data.x_train, data.y_train, config.run.batch_size, CPU)
    weight = [nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.LBFGS(weight) if config.optimizer.name == "lbfgs" else torch.optim.SGD(weight, lr=0.1)
    with pytest.raises(ConfigError) as caught:
        refuse_misfits(config, data.task, train, optimizer, World(0, 2))
    assert [fault.key for fault in caught.value.faults] == [key]
    refuse_misfits(config, data.task, train, optimizer)  # one process can
