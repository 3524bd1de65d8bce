"""The trials of a run on several ranks: each rank trains whole ones, or, where that would leave most of them idle, all train each.

Whole trials need nothing of each other: a rank takes the next one when it has ended one, and tells of it in a journal of its own,
which rank 0 reads. What a person asks of the run, rank 0 tells the others.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import events as e
from ..errors import TrainingError
from ..journal import JournalSink, JournalTail
from ..record import Record
from ..rundir import RunDir
from ..several import PreparedParts, Surroundings, boards, keepers, remembered, run_in_turn
from ..sinks import Tee
from ..stopping import StopToken
from ..trials import Trial, TrialResult, best_result, ended, run_trial, take_up
from .journals import clear, journal_of, journals

if TYPE_CHECKING:
    from ..config import RunConfig
    from ..data.table import Table
    from ..following import Errand
    from ..together import Together

LEAST_BUSY = 0.5
"""The share of the ranks' time that whole trials must fill, were they all of one length, for each rank to train its own."""

_LOOK_SECONDS = 0.1
_ASKED, _OVER = "trials/asked", "trials/over"


def spreads(trials: int, ranks: int) -> bool:
    """Whether ranks should train whole trials, and not each trial together."""
    return trials > 1 and trials >= LEAST_BUSY * ranks * math.ceil(trials / ranks)


@dataclass(frozen=True)
class Share:
    """What rank 0 tells the others of the trials. groups: by their numbers, those that are trained side by side, in order."""

    folder: str = ""
    groups: tuple[tuple[int, ...], ...] = ()
    record: Record | None = None


# -- rank 0 ------------------------------------------------------------------------------------------------------------------


def run_shared(left: Sequence[Trial], data: PreparedParts, around: Surroundings) -> Iterator[TrialResult]:
    """Train these trials together with the other ranks."""
    ranks, run = around.ranks, around.folder
    word = left[0].label.rpartition(" ")[0] if left else "trial"
    count = f"{len(left)} {word}{'' if len(left) == 1 else 's'}"
    if not around.spread:
        around.tee(e.Noted(text=f"{count}, one after another, each by all {ranks.world.size} ranks together"))
        ranks.agree(Share(str(run.path), tuple((trial.number,) for trial in left)))
        yield from run_in_turn([[trial] for trial in left], data, around)
        return
    groups, words = _groups(left, data, ranks.world.size)
    around.tee(e.Noted(text=f"{count} on {ranks.world.size} ranks: each trains whole ones{words}"))
    clear(run)
    ranks.agree(Share(str(run.path), tuple(tuple(trial.number for trial in group) for group in groups), around.record))
    listening = _Listening(around)
    mine: set[int] = set()
    try:
        for result in run_in_turn(_taken(groups, ranks), data, around):
            mine.add(result.trial.number)
            yield result
        listening.wait()
    finally:
        listening.close()
    if listening.problem is not None:
        raise listening.problem
    for trial in left:
        if trial.number in listening.ended and trial.number not in mine:
            over, test = listening.ended[trial.number], listening.tests.get(trial.number)
            yield remembered(trial, over, test, run.trial(trial.label), data.of(trial))
    with contextlib.suppress(OSError):
        clear(run)
        journals(run).rmdir()


def part(ranks: Together, results: Sequence[TrialResult]) -> None:
    """Tell the other ranks, which have nothing left to do, what has come of it."""
    best = best_result(results)
    ranks.say(_OVER, "over")
    ranks.agree((ended(best), best.test))


def _groups(left: Sequence[Trial], data: PreparedParts, ranks: int) -> tuple[list[list[Trial]], str]:
    """The trials as they are trained side by side by one rank, and words for that."""
    from ..whichway import choose

    share = left[: math.ceil(len(left) / ranks)]
    at_once, words = choose(share, data.of) if share else (1, "")
    groups = [list(left[at : at + at_once]) for at in range(0, len(left), at_once)]
    return groups, f", {words}" if words else ""


def _taken(groups: Sequence[Sequence[Trial]], ranks: Together) -> Iterator[Sequence[Trial]]:
    """The groups that this rank gets: always the next one that nobody has taken."""
    while (turn := ranks.turn()) < len(groups):
        yield groups[turn]


class _Listening:
    """Rank 0's ear: hands on what the other ranks tell, tells them what is asked of the run, and sees when one is lost."""

    def __init__(self, around: Surroundings) -> None:
        self.ended: dict[int, e.TrialEnded] = {}
        self.tests: dict[int, e.TestMeasured] = {}
        self.problem: BaseException | None = None
        self._around = around
        self._others = range(1, around.ranks.world.size)
        self._tails = [JournalTail(journal_of(around.folder, rank)) for rank in self._others]
        self._said = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nntui-ranks", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until every other rank has done what it took, or one is lost."""
        ranks = self._around.ranks
        waiting = set(self._others)
        while waiting and self.problem is None:
            waiting = {rank for rank in waiting if ranks.heard(_done(rank)) is None}
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._look()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        around = self._around
        for tail in self._tails:
            with contextlib.suppress(OSError):
                while tail.behind:
                    for event in tail.read():
                        self._hand_on(event)
        token = around.token
        if (said := json.dumps([token.reason, token.now, token.paused])) != self._said:
            self._said = said
            around.ranks.say(_ASKED, said)
        if self.problem is None and (problem := around.ranks.lost()) is not None:
            self.problem = problem
            token.stop("terminated", now=True)

    def _hand_on(self, event: e.Event) -> None:
        match event:
            case e.TrialEnded():
                self.ended[event.number] = event
            case e.TestMeasured():
                self.tests[event.trial] = event
        self._around.tee.of(event.trial)(event)


# -- the other ranks ---------------------------------------------------------------------------------------------------------


def follow_trials(
    plan: Sequence[Trial], table: Table, errand: Errand, ranks: Together, token: StopToken
) -> TrialResult:
    """What a rank other than the first does in a run with trials; returns what came of the best one."""
    from ..recipe import build_recipe, resolve_device
    from ..together import ALONE

    config = errand.config
    together = ALONE if spreads(len(plan), ranks.world.size) else ranks
    ranks.device(resolve_device(config.run.device))  # of CUDA devices, the one that is meant where no number is given
    # As rank 0 does, to see whether it can be; and what takes seconds to import is there when the trials are.
    build_recipe(plan[0].config, plan[0].prepare(table), errand.fresh, together)
    share = ranks.agree(Share())
    run, record, data = RunDir(Path(share.folder)), share.record or Record(), PreparedParts(table)
    trials = {trial.number: trial for trial in plan}
    groups = [[trials[number] for number in group] for group in share.groups]
    if share.record is None:
        _train_together([trial for (trial,) in groups], data, config, ranks, token)
    else:
        tee = Tee([JournalSink(journal_of(run, ranks.world.rank))])
        own = boards(config, record), keepers(config, token)
        around = Surroundings(tee, token, table, run, record, len(plan), *own, ranks, spread=True)
        hearing = _Hearing(ranks, token)
        try:
            for _ in run_in_turn(_taken(groups, ranks), data, around):
                pass
        finally:
            hearing.close()
            tee.close()
        ranks.say(_done(ranks.world.rank), "done")
        while ranks.heard(_OVER) is None:
            if (problem := ranks.lost()) is not None:
                raise problem
            time.sleep(_LOOK_SECONDS)
    over, test = ranks.agree((None, None))
    if over is None:
        raise TrainingError("no trial has ended")
    best = trials[over.number]
    return remembered(best, over, test, run.trial(best.label), data.of(best))


def _train_together(
    trials: Sequence[Trial], data: PreparedParts, config: RunConfig, ranks: Together, token: StopToken
) -> None:
    """Take part in trials that all ranks train, one after another."""
    from ..agreement import AgreedToken
    from ..recipe import build_recipe
    from ..training import Training

    agreed = AgreedToken(token, ranks)
    for trial in trials:
        mine = data.of(trial)
        training = Training(build_recipe(trial.config, mine, ranks.agree(True), ranks), trial.config)
        keeper = keepers(config, agreed, ranks)(None, _nobody)
        take_up(keeper, training, {})
        run_trial(_nobody, keeper, trial, mine, training, None)
        if agreed.reason is not None:
            return


class _Hearing:
    """Another rank's ear: what rank 0 says is asked of the run, is asked of this rank's trials."""

    def __init__(self, ranks: Together, token: StopToken) -> None:
        self._ranks, self._token, self._heard = ranks, token, ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nntui-ranks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            said = self._ranks.heard(_ASKED) or ""
            if said and said != self._heard:
                self._heard = said
                reason, now, paused = json.loads(said)
                (self._token.pause if paused else self._token.resume)()
                if reason is not None:
                    self._token.stop(reason, now)


def _done(rank: int) -> str:
    return f"trials/done/{rank}"


def _nobody(event: e.Event) -> None:
    """Events of a rank that trains what rank 0 trains as well, and tells of."""
