"""What the ranks of one run say to each other: torch.distributed, and the few collectives that a run needs.

Every rank has to come to each of these calls, in the same order. So nothing that only some ranks know (a clock, a key that
was pressed) may decide on one of them before rank 0 has told it to the others: see engine.agreement.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import traceback
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, TypeVar, cast

import psutil
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import distributed_c10d
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from .errors import CodeError, ConfigError, DataError, Fault, InputError, TrainingError, config_error
from .text import clean
from .userframes import training_error, what_happened
from .world import World

T = TypeVar("T")

PATIENCE = timedelta(minutes=10)
"""How long a rank waits for the others at the most: as long as one may take to read its data or to translate the model."""

LAST_WORDS = 3.0
"""Seconds in which it must come out why a rank has left the others."""

_joined = 0


class Together:
    """The ranks of a run as one of them sees them. In a world of one, which needs no torch.distributed, everybody agrees."""

    def __init__(self, world: World | None = None, store: Any = None) -> None:
        self.world = world or World()
        self._store = store
        self._processes: list[tuple[str, int]] = []
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()
        if self.several:
            self._processes = self.gathered((socket.gethostname(), os.getpid()))

    @property
    def several(self) -> bool:
        return self.world.several

    # -- what a run needs to be one run ---------------------------------------------------------------------------------

    def agree(self, value: T) -> T:
        """What rank 0 says: anything that can be pickled, tensors on the host."""
        if not self.several:
            return value
        said = [value if self.world.first else None]
        dist.broadcast_object_list(said, 0, device=torch.device("cpu"))
        return cast(T, said[0])

    def signal(self, numbers: Sequence[int]) -> list[int]:
        """These whole numbers as rank 0 has them; for often, it costs a small part of `agree`."""
        if not self.several:
            return list(numbers)
        said = torch.tensor(numbers, dtype=torch.int64)
        dist.broadcast(said, 0)
        return said.tolist()

    def gathered(self, value: T) -> list[T]:
        """The values of all ranks, by rank, on every one of them."""
        if not self.several:
            return [value]
        found: list[Any] = [None] * self.world.size
        dist.all_gather_object(found, value)
        return found

    def total(self, sums: Tensor) -> Tensor:
        """The sum over the ranks; of doubles, each with the same bits on every rank."""
        if self.several:
            sums = sums.clone()
            dist.all_reduce(sums)
        return sums

    def rows(self, own: Tensor, sizes: Sequence[int]) -> Tensor:
        """All rows in order, from what each rank has of its shares of batches with so many rows: `own`, one behind the other."""
        if not self.several:
            return own
        shares = [[rank.share(size) for size in sizes] for rank in self._ranks()]
        counts = [[one.stop - one.start for one in mine] for mine in shares]
        most = max(map(sum, counts))
        padded = own.new_zeros((most, *own.shape[1:]))
        padded[: len(own)] = own
        found = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(found, padded)
        parts = [list(one[: sum(count)].split(count)) for one, count in zip(found, counts, strict=True)]
        return torch.cat([part for batch in zip(*parts, strict=True) for part in batch])

    @torch.no_grad()
    def same_buffers(self, model: nn.Module) -> None:
        """Give every rank rank 0's buffers, such as the running statistics of batch norm, which each has moved by its own rows."""
        if not self.several:
            return
        kinds: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for buffer in model.buffers():
            kinds.setdefault((buffer.dtype, buffer.device), []).append(buffer)
        for (kind, _), buffers in kinds.items():
            together = torch.cat([buffer.flatten() for buffer in buffers])
            dist.broadcast(together.view(torch.uint8) if kind == torch.bool else together, 0)
            sizes = [buffer.numel() for buffer in buffers]
            for buffer, values in zip(buffers, together.split(sizes), strict=True):
                buffer.copy_(values.view_as(buffer))

    def _ranks(self) -> Iterator[World]:
        return (World(rank, self.world.size) for rank in range(self.world.size))

    # -- device and model -----------------------------------------------------------------------------------------------

    def device(self, wanted: torch.device) -> torch.device:
        """This rank's own device of that kind. Raises ConfigError when there are fewer of them than ranks on this machine."""
        if not self.several or wanted.type == "cpu":
            return wanted
        if wanted.type != "cuda":
            hint = "use run.device = cpu, or one device"
            raise config_error("run.device", f"{wanted.type} cannot be shared by {self.world.size} ranks", hint)
        there = torch.cuda.device_count()
        if self.world.local_rank >= there:
            problem = (
                f"rank {self.world.rank} is number {self.world.local_rank + 1} on a machine with {there} CUDA devices"
            )
            raise config_error("run.device", problem, f"use {there} devices a machine, or run.device = cpu")
        torch.cuda.set_device(self.world.local_rank)
        return torch.device("cuda", self.world.local_rank)

    def prepared(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model as several ranks can train it: on CUDA, batch norm takes its statistics over the rows of all of them."""
        if self.several and device.type == "cuda":
            return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(model))
        return model

    def distributed(self, model: nn.Module, device: torch.device, unused: bool = False) -> DistributedDataParallel:
        """The model with its gradients averaged over the ranks after each backward pass; rank 0's weights go to all.

        unused: whether there are weights that a forward pass does not use.
        """
        ids = [device.index] if device.type == "cuda" else None
        made = DistributedDataParallel(model, device_ids=ids, find_unused_parameters=unused)
        self._made.add(made)
        return made

    @staticmethod
    def apart(distributed: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Around a forward pass: the gradients of its backward pass stay with this rank, and are averaged by a later one."""
        return cast(DistributedDataParallel, distributed).no_sync()

    def notes(self, model: nn.Module, batch_size: int) -> Iterator[str]:
        """What a person should know of how several ranks train this model, a line each."""
        if not self.several:
            return
        least, most = batch_size // self.world.size, -(-batch_size // self.world.size)
        rows = f"{least}" if least == most else f"{least} or {most}"
        yield f"{self.world.size} ranks train together: each takes {rows} of the {batch_size} rows of a batch"
        if any(type(part) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) for part in model.modules()):
            yield "batch norm: on CPUs each rank normalizes with the rows it has; the running statistics are those of rank 0"

    # -- how a run ends that cannot go on -------------------------------------------------------------------------------

    def report(self, error: BaseException) -> None:
        """Leave word of a failure of this rank, for rank 0 to tell; not of one that only follows from another rank's."""
        if not self.several or is_loss(error):
            return
        failed = error if isinstance(error, TrainingError) else training_error(error)
        facts: dict[str, Any] = {
            "line": str(failed),
            "frames": failed.frames,
            "traceback": "".join(traceback.format_exception(error)),
            "faults": [asdict(fault) for fault in error.faults] if isinstance(error, InputError) else [],
            "kind": type(error).__name__,
        }
        with contextlib.suppress(Exception):
            self._store.set(_key(self.world.rank), json.dumps(facts))

    def cause(self, error: BaseException) -> BaseException:
        """What has really ended the run: when all that is known here is that a rank is gone, the failure of that rank.

        Its traceback is in the cause of what is returned.
        """
        if not self.several or not is_loss(error):
            return error
        until = time.monotonic() + LAST_WORDS
        while True:
            if (reported := self._reported()) is not None:
                return _failure_of(*reported, self.world.size)
            if (gone := self._gone()) is not None:
                return _killed(*gone, self.world.size)
            if time.monotonic() > until:
                return TrainingError(f"the connection to the other ranks is lost: {what_happened(error)}")
            time.sleep(0.05)

    def lost(self) -> BaseException | None:
        """What has ended another rank, as far as it is known by now; None as long as none is lost."""
        if (reported := self._reported()) is not None:
            return _failure_of(*reported, self.world.size)
        if (gone := self._gone()) is not None:
            return _killed(*gone, self.world.size)
        return None

    # -- what ranks tell each other outside of the calls that all come to ------------------------------------------------

    def turn(self) -> int:
        """The next number, counted from 0, that no rank has been given."""
        return self._store.add("turn", 1) - 1

    def say(self, name: str, words: str) -> None:
        """Leave a word under this name for whoever asks for it."""
        if self.several:
            self._store.set(name, words)

    def heard(self, name: str) -> str | None:
        """The last word that was left under this name, None if there is none. Never waits."""
        return self._store.get(name).decode() if self._store.check([name]) else None

    def part(self, lost: bool = False) -> None:
        """Leave the others. Those that still wait for this rank then notice that it has gone, even if its process goes on.

        lost: something may be under way that will never come to its end.
        """
        for made in self._made:  # they hold the connections as well, and a traceback may hold them
            made.reducer = made.logger = made.process_group = None
        with contextlib.suppress(Exception):
            if lost and dist.is_nccl_available() and dist.group.WORLD is not None:
                dist.group.WORLD.abort()
        with contextlib.suppress(Exception):
            dist.destroy_process_group()

    def _reported(self) -> tuple[int, Mapping[str, Any]] | None:
        with contextlib.suppress(Exception):
            for rank in range(self.world.size):
                if rank != self.world.rank and self._store.check([_key(rank)]):
                    return rank, json.loads(self._store.get(_key(rank)))
        return None

    def _gone(self) -> tuple[int, int] | None:
        """A rank on this machine whose process has ended, and the number of that."""
        here = socket.gethostname()
        for rank, (host, process) in enumerate(self._processes):
            if host == here and not _lives(process):
                return rank, process
        return None


ALONE = Together()


@contextlib.contextmanager
def join(world: World) -> Iterator[Together]:
    """Meet the other ranks where torchrun's environment says, and part from them at the end.

    Tensors on the host go by gloo, those on CUDA devices by NCCL. Raises TrainingError when the ranks do not find each other.
    """
    global _joined
    if not world.several:
        yield ALONE
        return
    _joined += (
        1  # each rank counts alike: what an earlier run in these processes has left in the store is not met again
    )
    try:
        store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
        store = distributed_c10d.PrefixStore(f"nntui-{_joined}", store)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
        together = Together(world, store)
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"the {world.size} ranks of this run do not find each other: {what_happened(error)}"
        ) from error
    try:
        yield together
    except BaseException:
        together.part(lost=True)
        raise
    together.part()


def is_loss(error: BaseException) -> bool:
    """Whether an exception says only that another rank is not there any more."""
    if isinstance(error, dist.DistError):
        return True
    words = str(error)
    lost = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "gloo/transport", "NCCL")
    return isinstance(error, RuntimeError) and any(word in words for word in lost)


def _failure_of(rank: int, facts: Mapping[str, Any], size: int) -> BaseException:
    """What a rank has left word of, as an exception."""
    who = f"rank {rank} of {size}"
    failed: InputError | TrainingError
    if facts["faults"]:
        faults = [Fault(**{**fault, "frames": tuple(fault["frames"])}) for fault in facts["faults"]]
        kinds = {kind.__name__: kind for kind in (CodeError, ConfigError, DataError)}
        failed = kinds.get(facts["kind"], InputError)(
            [Fault(one.key, f"{one.problem} (on {who})", one.hint, one.where, one.frames) for one in faults]
        )
    else:
        failed = TrainingError(f"{who}: {facts['line']}")
        failed.frames = tuple(facts["frames"])
    failed.__cause__ = RuntimeError(f"on {who}:\n{facts['traceback']}")
    return failed


def _killed(rank: int, process: int, size: int) -> TrainingError:
    return TrainingError(f"rank {rank} of {size} (process {process}) was killed, perhaps for want of memory")


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _key(rank: int) -> str:
    return f"failed/{rank}"


def rank_words(together: Together) -> str:
    """How many ranks there are, for behind the device's name; "" for one."""
    return clean(f", {together.world.size} ranks") if together.several else ""
