"""One rank of a run on several devices, started by torchrun: it trains, and rank 0 tells whoever started it what becomes of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from ..errors import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_OK, EXIT_TERMINATED, InputError, TrainingError, config_error
from ..events import Event, RunResumed, RunStarted
from ..signals import leave_at_once, obey_signals
from ..stopping import StopToken
from ..world import World, current_world
from .job import ENDED_BY_OTHERS, Job, JobFolder, refused

if TYPE_CHECKING:
    from ..config import RunConfig
    from ..runner import RunResult

UNDER_TORCHRUN = ("RANK", "WORLD_SIZE")
PATIENCE_SECONDS = 25.0
"""So long a rank that is to end waits for the others to end with it. torchrun kills after 30."""

_ORPHAN_SECONDS = 60.0
_LAST_SECONDS = 5.0
_LOOK_SECONDS = 0.5


def under_torchrun() -> bool:
    """Whether this process is a rank that torchrun, or something like it, has started."""
    return all(name in os.environ for name in UNDER_TORCHRUN)


def with_devices(config: RunConfig, devices: int | None = None) -> RunConfig:
    """The settings with the number of processes that there really are: torchrun's word, or else one, this process.

    devices: a number that stands in for that of the settings. Raises ConfigError where it is several and nobody has started them.
    """
    if under_torchrun():
        devices = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ["WORLD_SIZE"])
    devices = config.run.devices if devices is None else devices
    if devices > 1 and not under_torchrun():
        problem = f"{devices} processes are wanted, and this is one"
        raise config_error("run.devices", problem, "start it with `nntui train`, or this script under torchrun")
    if devices == config.run.devices:
        return config
    return config.model_copy(update={"run": config.run.model_copy(update={"devices": devices})})


def serve_rank(folder: JobFolder) -> int:
    """Do the job as one of its ranks; returns the exit code.

    It is 0 for every end that is on record, however bad: torchrun takes anything else as the loss of a rank.
    """
    world, token = current_world(), StopToken()
    obey_as_rank(token, world)
    threading.Thread(target=_end_with_torchrun, args=(token, world), name="nntui-parent", daemon=True).start()
    sinks = [_Telling(folder, world)] if world.first else []
    if world.local_rank == 0 and not world.first:
        folder.answer(
            {"part": f"ranks from {world.rank} of {world.size} train here; the machine of rank 0 shows the run"}
        )
    try:
        _work(folder.job, sinks, token)
    except InputError as error:
        if not world.first:
            _let_rank_0_speak(folder)
        folder.answer(refused(error))
        leave_at_once(EXIT_BAD_INPUT)
    except Exception as error:  # noqa: BLE001  -- whatever it is, the process ends with it
        if not isinstance(error, TrainingError):  # of a rank other than the first, which has heard of it
            traceback.print_exc()
        if not world.first and _lost_others(error):
            leave_at_once(ENDED_BY_OTHERS)
        if world.first:
            folder.answer({"problem": str(error), "frames": list(getattr(error, "frames", ()))})
        leave_at_once(EXIT_FAILED)
    if world.first:
        folder.answer({"done": True})
    leave_at_once(EXIT_OK)


def _work(job: Job, sinks: list[_Telling], token: StopToken) -> RunResult:
    from ..runner import replay, resume, train

    match job.do:
        case "train":
            return train(job.settings, sinks, token)
        case "resume":
            return resume(job.folder, sinks, token, job.more, job.devices)
        case "replay":
            return replay(job.folder, sinks, token)


def take_part(work: Callable[[], object], world: World) -> int:
    """Be a rank other than the first under a torchrun that a person has started; returns the exit code.

    What all ranks meet, such as unusable input, is rank 0's to tell: this one waits for torchrun to end it.
    """
    try:
        work()
    except InputError:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(_LAST_SECONDS)
        raise
    except Exception as error:  # noqa: BLE001  -- whatever it is, the process ends with it
        if _lost_others(error):
            leave_at_once(ENDED_BY_OTHERS)
        sys.stderr.write(f"nntui: rank {world.rank} of {world.size} failed:\n{traceback.format_exc()}")
        leave_at_once(EXIT_FAILED)
    return EXIT_OK


def obey_as_rank(token: StopToken, world: World) -> None:
    """Let signals ask things of a run. Rank 0 is asked as any run is; the others do as it says, and a signal to all is none to them.

    A rank other than 0 that was told to end, and is not ended by what the ranks agree on, leaves after PATIENCE_SECONDS.
    """
    if world.first:
        obey_signals(token)
        return

    def end(number: int, frame: FrameType | None) -> None:
        token.stop("terminated", now=True)  # counts where this rank trains alone: a trial of its own
        _leave_in(PATIENCE_SECONDS)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _lost_others(error: BaseException) -> bool:
    """Whether an exception says no more than that another rank could not be reached."""
    from ..together import is_loss

    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        if is_loss(cause):
            return True
        seen.append(cause)
        cause = cause.__cause__
    return False


class _Telling:
    """Tells whoever started the ranks of the run as soon as it is on record."""

    name = "start"

    def __init__(self, folder: JobFolder, world: World) -> None:
        self._folder, self._world = folder, world

    def write(self, event: Event) -> None:
        if isinstance(event, RunStarted | RunResumed):
            self._folder.answer({"folder": event.folder, "time": event.time, "pid": os.getpid()})

    def close(self) -> None:
        pass


def _let_rank_0_speak(folder: JobFolder) -> None:
    """Wait until rank 0, which has most likely met the same fault, has said something; or until it does not."""
    until = time.monotonic() + PATIENCE_SECONDS
    others = JobFolder(folder.path)
    while time.monotonic() < until:
        said = others.answers()
        if any("faults" in answer for answer in said):
            leave_at_once(EXIT_BAD_INPUT)
        if said:
            return
        time.sleep(_LOOK_SECONDS / 10)


def _leave_in(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, (EXIT_TERMINATED,))
    timer.daemon = True
    timer.start()


def _end_with_torchrun(token: StopToken, world: World) -> None:
    """When torchrun is gone nobody sees to it that the ranks end together: rank 0 ends the run, and the others with it."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    if world.first:
        token.stop("terminated")
    _leave_in(_ORPHAN_SECONDS * (2 if world.first else 1))
