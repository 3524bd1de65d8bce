"""A run's settings as TensorBoard's hparams plugin has them: three messages, which lie in the event file of the run itself."""

from __future__ import annotations

from typing import Any

from .config import RunConfig
from .knobs import Knob, knobs, show, values
from .text import clean

NO_HYPERPARAMETERS = frozenset(
    [
        "run.name",
        "run.folder",
        "run.device",
        "run.tensorboard",
        "run.histograms",
        "run.figures",
        "run.checkpoints",
        "run.checkpoint_pause",
        "run.checkpoint_minutes",
    ]
)
"""Knobs that say where and how a run is recorded; two runs that differ in nothing else are the same experiment."""

FAILED = ("failed", "non_finite", "diverged")
"""Reasons to end that the hparams page shows as a failure."""


def experiment() -> Any:
    """The columns of the hparams page. TensorBoard takes them from one run for all, so they name every knob there is."""
    api, content = _protobufs()
    kinds = {"bool": api.DATA_TYPE_BOOL, "int": api.DATA_TYPE_FLOAT64, "float": api.DATA_TYPE_FLOAT64}
    columns = [
        api.HParamInfo(name=row.key, description=row.summary, type=kinds.get(row.kind, api.DATA_TYPE_STRING))
        for row in knobs()
        if row.key not in NO_HYPERPARAMETERS
    ]
    curves = [f"{what}/{part}" for what in ("loss", "accuracy", "RMSE") for part in ("validation", "test")]
    metrics = [api.MetricInfo(name=api.MetricName(tag=tag)) for tag in curves]
    told = api.Experiment(hparam_infos=columns, metric_infos=metrics)
    return _summary("EXPERIMENT_TAG", content.HParamsPluginData(experiment=told))


def session_start(config: RunConfig, time: float) -> Any:
    """The values of the knobs that count in this run; one that is left to a default of its own has no value here."""
    _, content = _protobufs()
    info = content.SessionStartInfo(start_time_secs=time)
    current = values(config)
    for row in knobs():
        if row.key not in NO_HYPERPARAMETERS and row.visible(current) and current[row.key] is not None:
            _set_value(info.hparams[row.key], row, current[row.key])
    return _summary("SESSION_START_INFO_TAG", content.HParamsPluginData(session_start_info=info))


def _set_value(cell: Any, row: Knob, value: Any) -> None:
    if isinstance(value, bool):
        cell.bool_value = value
    elif isinstance(value, int | float):
        cell.number_value = value
    else:
        cell.string_value = clean(show(row, value), 2000)


def session_end(reason: str, time: float) -> Any:
    """How the run ended, as far as the hparams page tells apart."""
    api, content = _protobufs()
    status = api.STATUS_FAILURE if reason in FAILED else api.STATUS_SUCCESS
    info = content.SessionEndInfo(status=status, end_time_secs=time)
    return _summary("SESSION_END_INFO_TAG", content.HParamsPluginData(session_end_info=info))


def _summary(tag: str, content: Any) -> Any:
    """A message as a summary that an event file can hold."""
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.plugins.hparams import metadata

    about = metadata.create_summary_metadata(content)
    proto: Any = summary_pb2
    value = proto.Summary.Value(tag=getattr(metadata, tag), metadata=about, tensor=metadata.NULL_TENSOR)
    return proto.Summary(value=[value])


def _protobufs() -> tuple[Any, Any]:
    """TensorBoard's messages. They come into being at import, so a type checker cannot see them."""
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    return api_pb2, plugin_data_pb2
