"""What happens in a run, as frozen facts in the past tense. They are the record; every state is a fold over them.

The order of a run's events::

    RunStarted  DataPrepared  ModelBuilt
        ( EpochStarted  ( StepsDone  FindingRaised? )*  FindingRaised?  EpochEnded  EarlyStoppingChecked?  FindingRaised*  FindingCleared*  WeightsSampled? )*
        with Paused, Resumed, StopAsked, CheckpointSaved, MachineSampled, KnobsChanged, SinkFailed and the like anywhere between
    BestRestored?  ( TestMeasured  ReportMade  RegionsMapped? )?  RunEnded

A run with trials (folds, restarts) tells of one after the other, and of all together at the end::

    RunStarted  ( TrialStarted  DataPrepared … TestMeasured?  TrialEnded )*  TrialsSummarized?  RunEnded

A script's own loop (engine.ownloop) tells of no data, and of its model when the first epoch is there::

    RunStarted  EpochStarted  ModelBuilt  ( EpochEnded  EarlyStoppingChecked?  FindingRaised*  FindingCleared*  EpochStarted? )*  RunEnded

A run that fails ends with RunEnded(reason="failed"); nothing follows RunEnded but a SinkFailed, when a record cannot be
closed, or the next chapter. Any prefix of this order is a valid record.

A process that takes a run up again, whether it had ended or lost its process, opens a chapter with RunResumed. DataPrepared and ModelBuilt follow anew, and Rewound says where training stands: at a checkpoint, and what the
record says beyond it is unsaid, since it is trained once more. Going back to before an edit is a Rewound as well::

    RunResumed  DataPrepared  ModelBuilt  Rewound  EarlyStoppingChecked?  FindingRaised*  ( EpochStarted … )*  …  RunEnded
"""

from __future__ import annotations

from .base import EndReason, Event
from .life import (
    CheckpointFailed,
    CheckpointSaved,
    CommandRefused,
    EpochsAdded,
    KnobsChanged,
    MachineSampled,
    Noted,
    Paused,
    Resumed,
    Rewound,
    RunResumed,
    ScreenLost,
    SinkFailed,
    StopAsked,
)
from .training import (
    BestRestored,
    DataPrepared,
    EarlyStoppingChecked,
    EpochEnded,
    EpochStarted,
    FindingCleared,
    FindingRaised,
    ModelBuilt,
    RegionsMapped,
    ReportMade,
    RunEnded,
    RunStarted,
    StepsDone,
    TestMeasured,
    TrialEnded,
    TrialsSummarized,
    TrialStarted,
    WeightsSampled,
)

__all__ = [
    "TYPES",
    "BestRestored",
    "CheckpointFailed",
    "CheckpointSaved",
    "CommandRefused",
    "DataPrepared",
    "EarlyStoppingChecked",
    "EndReason",
    "EpochEnded",
    "EpochStarted",
    "EpochsAdded",
    "Event",
    "FindingCleared",
    "FindingRaised",
    "KnobsChanged",
    "MachineSampled",
    "ModelBuilt",
    "Noted",
    "Paused",
    "RegionsMapped",
    "ReportMade",
    "Resumed",
    "Rewound",
    "RunEnded",
    "RunResumed",
    "RunStarted",
    "ScreenLost",
    "SinkFailed",
    "StepsDone",
    "StopAsked",
    "TestMeasured",
    "TrialEnded",
    "TrialStarted",
    "TrialsSummarized",
    "WeightsSampled",
]

TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RunStarted, DataPrepared, ModelBuilt, EpochStarted, StepsDone, EpochEnded, EarlyStoppingChecked, FindingRaised,
        FindingCleared, Paused, Resumed, StopAsked, SinkFailed, Noted, BestRestored, TestMeasured,
        WeightsSampled, ReportMade, RegionsMapped,
        MachineSampled, RunResumed, Rewound, CheckpointSaved, CheckpointFailed, KnobsChanged, CommandRefused, EpochsAdded, ScreenLost,
        TrialStarted, TrialEnded, TrialsSummarized, RunEnded,
    )
}  # fmt: skip
