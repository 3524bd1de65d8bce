"""What the ranks beside rank 0 do in a run: what it tells them to, with everybody's events and files left to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .config import RunConfig
from .data.table import load
from .errors import InputError, TrainingError
from .events import Event
from .facts import MadeEdit
from .stopping import StopToken
from .trials import TrialResult, plan_trials, run_trial, take_up
from .userframes import training_error

if TYPE_CHECKING:
    from .together import Together


@dataclass(frozen=True)
class Errand:
    """What a run is, as rank 0 tells it to the others.

    fresh: whether it begins with the weights of model.weights. script: edits to make at their places, as run_trial has them; edits:
    those in the record of a run that is taken up again; more: epochs to add to it.
    """

    config: RunConfig
    fresh: bool = True
    script: Sequence[MadeEdit] = ()
    edits: Sequence[MadeEdit] = ()
    more: int = 0


def follow(together: Together, token: StopToken) -> TrialResult:
    """Take part in the run of rank 0 until it ends. Raises what this rank fails by, which rank 0 hears of as well."""
    from .agreement import AgreedToken, SharedKeeper
    from .recipe import build_recipe
    from .training import Training

    try:
        errand = together.agree(Errand(RunConfig()))
        config = errand.config
        table = load(config.data)
        plan = plan_trials(config, table)
        if config.trials.kind != "single":
            from .ranks.spreading import follow_trials

            return follow_trials(plan, table, errand, together, token)
        trial = plan[0]
        data = trial.prepare(table)
        training = Training(build_recipe(config, data, errand.fresh, together), config)
        run, agreed = config.run, AgreedToken(token, together)
        keeper = SharedKeeper(agreed, _nobody, None, run.checkpoints, script=errand.script, together=together)
        take_up(keeper, training, {}, errand.edits)
        if errand.more:
            keeper.more(training, errand.more)
        return run_trial(_nobody, keeper, trial, data, training, None)
    except InputError as error:
        together.report(error)
        raise
    except (Exception, SystemExit) as error:
        together.report(error)
        cause = together.cause(error)
        raise (cause if isinstance(cause, TrainingError) else training_error(cause)) from error


def _nobody(event: Event) -> None:
    """Events of a rank that is not the first: rank 0 has the same to tell."""
