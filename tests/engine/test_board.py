"""The TensorBoard log of a run, read back with TensorBoard's own loader."""

from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import script
from support.configs import config_in
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS

from engine import events as e
from engine import read_journal, train
from engine.board import TensorBoardSink, missing_for_figures, report_text, scalars
from engine.configfile import dump_config
from engine.console import final_table
from engine.data.prepared import load_prepared
from engine.facts import Answer
from engine.hparams import NO_HYPERPARAMETERS
from engine.knobs import knobs, values, visible
from engine.runview import RunView

EVERYTHING = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}


def read(folder: str | Path) -> EventAccumulator:
    log = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    log.Reload()
    return log


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run of each kind of data with everything on: (result, its log, its journal, its settings)."""

    def make(name: str, **sections):
        if name not in made:
            folder = tmp_path_factory.mktemp("runs")
            run = {"epochs": 6, "tensorboard": True, "histograms": 3, **sections.pop("run", {})}
            config = config_in(folder, model={"hidden": [16]}, data=DATA[name], run=run, **sections)
            result = train(config)
            journal = list(read_journal(Path(result.folder) / "events.jsonl"))
            made[name] = (result, read(result.folder), journal, config)
        return made[name]

    made: dict[str, tuple] = {}
    return make


DATA = {
    "digits": {"source": "digits", "train_rows": 200},
    "moons": {"source": "moons", "rows": 100, "noise": 0.3},
    "diabetes": {"source": "diabetes"},
}
KINDS = list(DATA)


def metric_tags(metric: str) -> dict[str, str]:
    return {
        "train_loss": "loss/train",
        "val_loss": "loss/validation",
        "train_metric": f"{metric}/train",
        "val_metric": f"{metric}/validation",
        "lr": "learning_rate",
        "penalty": "penalty",
        "grad_norm": "gradient_norm",
        "samples_per_second": "samples_per_second",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_curve_is_in_the_log_and_equal_to_the_journal(run, kind):
    result, log, journal, _ = run(kind)
    tags = [tag for tag in log.Tags()["scalars"] if not tag.startswith("system/")]  # which are there when a run is slow
    got = {(tag, item.step): (item.value, item.wall_time) for tag in tags for item in log.Scalars(tag)}
    view, expected = RunView(), {}
    for item in journal:
        view.apply(item)
        for tag, value in scalars(item, view).items():
            expected[tag, item.epoch] = (float(np.float32(value)), item.time)
    assert repr(sorted(got.items())) == repr(sorted(expected.items()))  # NaN is equal to itself here
    # And the tags that people rely on, written out.
    for item in journal:
        if isinstance(item, e.EpochEnded):
            for field, tag in metric_tags(result.view.metric).items():
                assert got[tag, item.epoch][0] == np.float32(getattr(item, field)), tag
        elif isinstance(item, e.TestMeasured):
            assert got["loss/test", item.epoch][0] == np.float32(item.loss)
            assert got[f"{result.view.metric}/test", item.epoch][0] == np.float32(item.metric)


def test_every_number_of_an_epoch_has_a_curve(run):
    """A field that somebody adds to the event gets one by itself."""
    _, log, journal, _ = run("digits")
    ended = next(item for item in journal if isinstance(item, e.EpochEnded))
    fields = [
        field.name
        for field in dataclasses.fields(ended)
        if isinstance(getattr(ended, field.name), float) and field.name not in ("time", "seconds")
    ]
    singles = [tag for tag in log.Tags()["scalars"] if log.Scalars(tag)[0].step == 1]
    assert len(singles) >= len(fields)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Later(e.EpochEnded):
    """An event with fields as they may be added."""

    units_asleep: float = 0.25
    val_metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    layer_grad_norms: tuple[float, ...] = ()


def test_numbers_per_metric_and_per_layer_have_a_tag_each():
    view = RunView().apply_all(script.opening())
    (plain,) = (item for item in script.epoch(1, 0.5, 0.6, 1) if isinstance(item, e.EpochEnded))
    body = {field.name: getattr(plain, field.name) for field in dataclasses.fields(plain)}
    body |= {"val_metrics": {"accuracy": 9.0, "macro F1": 0.7}, "layer_grad_norms": (0.1, 0.2)}
    later = Later(**body)
    tags = scalars(later, view)
    assert tags["units_asleep"] == 0.25
    assert tags["macro F1/validation"] == 0.7
    assert tags["accuracy/validation"] == later.val_metric, "the curve of the primary metric is its own field's"
    assert (tags["layer_grad_norms/hidden 1"], tags["layer_grad_norms/output"]) == (0.1, 0.2)
    assert not {"epoch", "best_epoch", "time", "trial", "seconds"} & set(tags)


@pytest.mark.parametrize("kind", KINDS)
def test_one_folder_is_one_run(run, kind):
    result, _, _, _ = run(kind)
    files = list(Path(result.folder).rglob("*tfevents*"))
    assert len(files) == 1
    assert files[0].parent == Path(result.folder)
    runs = EventMultiplexer().AddRunsFromDirectory(str(Path(result.folder).parent)).Reload()
    assert list(runs.Runs()) == [Path(result.folder).name]


def test_folds_stand_beside_each_other(tmp_path):
    result = train(
        config_in(
            tmp_path, data={"source": "iris"}, model={"hidden": [4]}, trials={"kind": "kfold", "folds": 3},
            run={"epochs": 2, "tensorboard": True, "figures": False},
        )
    )  # fmt: skip
    name = Path(result.folder).name
    runs = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    assert sorted(runs.Runs()) == [f"{name}/fold-{number}" for number in (1, 2, 3)]
    for number in (1, 2, 3):
        assert len(runs.Scalars(f"{name}/fold-{number}", "loss/validation")) == 2
        assert plugin(read(Path(result.folder) / f"fold-{number}"))[metadata.SESSION_END_INFO_TAG].session_end_info


# -- hyperparameters ----------------------------------------------------------------------------------------------------


def plugin(log: EventAccumulator) -> dict[str, plugin_data_pb2.HParamsPluginData]:
    """What the hparams plugin finds in a log, by tag."""
    content = log.PluginTagToContent(metadata.PLUGIN_NAME)
    return {tag: plugin_data_pb2.HParamsPluginData.FromString(data) for tag, data in content.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_hyperparameters_are_in_the_same_run(run, kind):
    _, log, journal, config = run(kind)
    found = plugin(log)
    assert set(found) == {
        metadata.EXPERIMENT_TAG,
        metadata.SESSION_START_INFO_TAG,
        metadata.SESSION_END_INFO_TAG,
    }
    start = found[metadata.SESSION_START_INFO_TAG].session_start_info
    current = values(config)
    counting = {row.key for row in visible(current) if current[row.key] is not None}
    assert set(start.hparams) == counting - NO_HYPERPARAMETERS
    assert start.hparams["optimizer.lr"].number_value == config.optimizer.lr
    assert start.hparams["model.hidden"].string_value == "16"
    assert start.hparams["early_stopping.enabled"].bool_value is True
    assert start.hparams["data.source"].string_value == kind
    end = found[metadata.SESSION_END_INFO_TAG].session_end_info
    assert end.status == STATUS_SUCCESS
    assert end.end_time_secs == journal[-1].time
    told = found[metadata.EXPERIMENT_TAG].experiment
    assert {info.name for info in told.hparam_infos} == {row.key for row in knobs()} - NO_HYPERPARAMETERS
    curves = set(log.Tags()["scalars"])
    assert {"loss/validation", "loss/test"} <= {info.name.tag for info in told.metric_infos} & curves


def test_the_hparams_page_shows_the_run(run):
    """TensorBoard's own code finds one session, with its values and metrics."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    result, _, _, config = run("digits")
    runs = EventMultiplexer().AddRunsFromDirectory(str(Path(result.folder).parent)).Reload()
    provider = MultiplexerDataProvider(runs, "")
    page = backend_context.Context(TBContext(data_provider=provider))
    request = api_pb2.ListSessionGroupsRequest(slice_size=10, allowed_statuses=[STATUS_SUCCESS], include_metrics=True)
    request.col_params.append(api_pb2.ColParams(metric=api_pb2.MetricName(tag="accuracy/test")))
    groups = list_session_groups.Handler(RequestContext(), page, "", request).run().session_groups
    assert len(groups) == 1
    assert groups[0].hparams["optimizer.lr"].number_value == config.optimizer.lr
    shown = {value.name.tag: value.value for value in groups[0].metric_values}
    assert shown["accuracy/test"] == np.float32(result.test_metric)


# -- histograms, pictures and text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_histograms_equal_the_journal(run, kind):
    _, log, journal, _ = run(kind)
    sampled = [item for item in journal if isinstance(item, e.WeightsSampled)]
    assert [item.epoch for item in sampled] == [1, 3, 6]
    expected = {f"{one.kind}/{one.name}": one for one in sampled[-1].histograms}
    assert len(expected) == 8
    assert set(log.Tags()["histograms"]) == set(expected)
    for tag, one in expected.items():
        steps = log.Histograms(tag)
        assert [item.step for item in steps] == [1, 3, 6]
        last = steps[-1].histogram_value
        assert (last.min, last.max, last.num, last.sum) == (one.low, one.high, sum(one.counts), one.total)
        assert tuple(last.bucket) == one.counts
        assert list(last.bucket_limit) == one.limits()


FIGURES = {
    "digits": {"error_by_epoch", "learning_rate", "confusion"},
    "moons": {"error_by_epoch", "learning_rate", "confusion", "decision_regions"},
    "diabetes": {"error_by_epoch", "learning_rate"},
}
IMAGES = {"digits": {"samples", "worst_mistakes"}, "moons": set(), "diabetes": set()}


@pytest.mark.parametrize("kind", KINDS)
def test_figures_and_images_decode(run, kind):
    _, log, _, _ = run(kind)
    tags = {f"figures/{name}" for name in FIGURES[kind]} | {f"images/{name}" for name in IMAGES[kind]}
    assert set(log.Tags()["images"]) == tags
    for tag in tags:
        (item,) = log.Images(tag)
        picture = Image.open(io.BytesIO(item.encoded_image_string))
        picture.load()
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert picture.size == (item.width, item.height)
        assert min(picture.size) >= 200
        assert len(picture.getcolors(10**6)) > 10, "an empty sheet"


def test_the_pictures_are_those_of_the_rows(run, monkeypatch):
    from engine import figures

    result, _, _, config = run("digits")
    drawn = []
    monkeypatch.setattr(figures, "picture_of", lambda data, row: drawn.append(row) or np.zeros((8, 8, 1)))
    figures.pictures(result.view.report.mistakes, result.data, "")
    assert drawn == [one.row for one in result.view.report.mistakes]
    monkeypatch.undo()
    from engine.data.table import load

    raw = load(config.data)
    shown = figures.picture_of(result.data, drawn[0])
    assert shown.shape == (8, 8, 1)
    assert any(np.allclose(shown.ravel(), row, atol=1e-3) for row in raw.x), "the picture as it was in the data"


def text(log: EventAccumulator, tag: str) -> str:
    return log.Tensors(f"{tag}/text_summary")[-1].tensor_proto.string_val[0].decode()


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_readable(run, kind):
    result, log, _, config = run(kind)
    assert dump_config(config).strip() in text(log, "config")
    assert final_table(result.view).splitlines()[0] in text(log, "result")
    assert result.folder in text(log, "result")
    report = text(log, "report")
    for row in result.view.report.classes:
        assert f"| {row.precision:.4f} | {row.recall:.4f} | {row.f1:.4f} | {row.support} |" in report
    assert f"| {result.view.report.mistakes[0].row} |" in report


def test_odd_class_names_cannot_break_a_table():
    one = Answer(row=3, truth=0.0, answer=1.0, loss=1.0, probability=0.5)
    report = e.ReportMade(epoch=1, rows=4, wrong=1, confusion=(), classes=(), mistakes=(one,), samples=())
    line = report_text(report, ("a|b\n", "c\\")).splitlines()[-1]
    assert line.replace("\\\\", "").replace("\\|", "").count("|") == 5


# -- odd runs, written from events alone --------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    """`written(events)`: the log of a sink that saw these events."""

    def write(events: list[e.Event], **knobs) -> EventAccumulator:
        config = config_in(tmp_path, data={"source": "wine"}, run={"tensorboard": True, **knobs})
        sink = TensorBoardSink(tmp_path / "log", config, load_prepared(config.data))
        for event in events:
            sink.write(event)
        sink.close()
        return read(tmp_path / "log")

    return write


@pytest.mark.parametrize("name", list(script.ALL))
def test_any_run_is_written_to_its_end(written, name):
    log = written(script.ALL[name]())
    assert "figures/error_by_epoch" in log.Tags()["images"]
    failed = name in ("failed", "diverging")
    status = plugin(log)[metadata.SESSION_END_INFO_TAG].session_end_info.status
    assert status == (STATUS_FAILURE if failed else STATUS_SUCCESS)
    if name == "overfitting":
        assert "**overfitting since epoch 11** (certain)" in text(log, "findings")


def test_a_trial_that_raised_ends_as_a_failure(written):
    log = written(script.healthy()[:12])
    assert plugin(log)[metadata.SESSION_END_INFO_TAG].session_end_info.status == STATUS_FAILURE


def test_figures_can_be_switched_off(written):
    log = written(script.healthy(), figures=False)
    assert log.Tags()["images"] == []
    assert "result/text_summary" in log.Tags()["tensors"]


def test_without_matplotlib_the_figures_are_left_out_and_a_line_says_so(make_config, monkeypatch):
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "engine.board.importlib.util.find_spec", lambda name: None if name == "matplotlib" else real(name)
    )
    assert "matplotlib is not installed" in missing_for_figures()
    result = train(make_config(data={"source": "wine"}, run={"epochs": 1, "tensorboard": True}))
    said = [words for _, words in result.view.log if "matplotlib" in words]
    assert said == [missing_for_figures()]
    log = read(result.folder)
    assert log.Tags()["images"] == []
    assert "result/text_summary" in log.Tags()["tensors"]
    assert not any("no longer written" in words for _, words in result.view.log)


def test_a_figure_that_fails_costs_nothing_but_the_figures(make_config, monkeypatch):
    def explode(*args):
        raise RuntimeError("no ink")
        yield

    monkeypatch.setattr("engine.figures.all_figures", explode)
    result = train(make_config(data={"source": "wine"}, run={"epochs": 2, "tensorboard": True}))
    assert result.test_metric is not None
    items = list(read_journal(Path(result.folder) / "events.jsonl"))
    assert isinstance(items[-1], e.SinkFailed)
    assert (items[-1].sink, items[-1].problem) == ("TensorBoard", "no ink")
    log = read(result.folder)
    assert len(log.Scalars("loss/train")) == 2
    assert "result/text_summary" in log.Tags()["tensors"]


def test_names_with_dollars_and_strange_numbers_are_drawn():
    from engine import figures

    names = ("$\\frac$", "a$b$c", "\N{CJK UNIFIED IDEOGRAPH-732B}", "x\x1b[31m")
    counts = tuple(tuple(int(i == j) * 10**7 for j in range(4)) for i in range(4))
    assert figures.confusion(counts, names).ndim == 3
    for val in ([math.nan] * 3, [1e308, math.inf, -1e308], [0.0], [1e-300, 1.0, 2.0]):
        view = RunView(epochs=list(range(1, len(val) + 1)), val_loss=val, train_loss=val, lr=[0.0] * len(val))
        assert figures.error_by_epoch(view, None).shape[2] == 3
        assert figures.learning_rate(view).shape[2] == 3
