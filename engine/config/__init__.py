"""Every knob of a run, declared once; a file for each section.

A knob's type, bounds, default, label, help, unit and the condition under which it means anything stand here and nowhere else;
the form, the command line, the TOML reader, the help screen and the tables in the documentation are loops over it.

Sections are frozen and strict: a wrong type is refused, not converted, and so are unknown keys, NaN and infinity.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from .data import DataConfig
from .declare import Section, When
from .loss import LossConfig
from .model import ModelConfig
from .optimizer import OptimizerConfig
from .regularization import RegularizationConfig
from .run import RunSettings
from .schedule import MOMENTUM_CAN_CYCLE, ScheduleConfig
from .stopping import EarlyStoppingConfig
from .trials import TrialsConfig

__all__ = [
    "MOMENTUM_CAN_CYCLE",
    "DataConfig",
    "EarlyStoppingConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "RegularizationConfig",
    "RunConfig",
    "RunSettings",
    "ScheduleConfig",
    "Section",
    "TrialsConfig",
    "When",
]


class RunConfig(BaseModel):
    """The settings of one run: what a TOML file, the flags and the form all become.

    Example::

        from engine import RunConfig
        config = RunConfig.model_validate({"optimizer": {"lr": 0.01}, "regularization": {"dropout": 0.3}})
        config.optimizer.lr  # 0.01
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    regularization: RegularizationConfig = Field(default_factory=RegularizationConfig)
    loss: LossConfig = Field(default_factory=LossConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig)
    early_stopping: EarlyStoppingConfig = Field(default_factory=EarlyStoppingConfig)
    trials: TrialsConfig = Field(default_factory=TrialsConfig)
    run: RunSettings = Field(default_factory=RunSettings)
