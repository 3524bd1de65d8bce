"""The table of torch's optimizers and schedulers: what the installed torch says, and what the form makes of it."""

from __future__ import annotations

import inspect
import json
import tomllib
from types import SimpleNamespace

import pytest
import torch

from engine import ConfigError, RunConfig, build_config, dump_config
from engine import optim as engine_optim
from engine.config import OptimizerConfig, ScheduleConfig
from engine.knobs import knob_by_key, knobs
from engine.optim import build_optimizer
from engine.torchsignatures import read_torch
from engine.torchtable import FILE, STAND_INS, extra_options, table

# Where our default is not torch's, or torch has none.
OURS = {
    ("sgd", "momentum"): 0.9,
    ("muon", "adjust_lr_fn"): "match_rms_adamw",
    ("step", "step_size"): 15,
    ("step", "gamma"): 0.5,
    ("multistep", "milestones"): (15, 30, 40),
    ("exponential", "gamma"): 0.95,
    ("polynomial", "total_iters"): 0,
    ("cosine", "t_max"): 0,
    ("cosine_warm_restarts", "t_0"): 10,
    ("cyclic", "base_lr"): 0.0,
    ("cyclic", "cycle_gamma"): 0.9999,
    ("plateau", "gamma"): 0.5,
    ("plateau", "patience"): 5,
}
SECTIONS = {"optimizer": ("optimizers", OptimizerConfig), "schedule": ("schedulers", ScheduleConfig)}
ENTRIES = [(section, name) for section, (family, _) in SECTIONS.items() for name in getattr(table(), family)]


def test_the_table_is_that_of_the_installed_torch():
    installed, stored = read_torch(), json.loads(FILE.read_text("utf-8"))
    assert json.loads(json.dumps(installed)) == stored, (
        f"the installed PyTorch {torch.__version__} differs from the table, which is of {stored['torch']}: "
        "run `python -m engine.torchsignatures`, then give new options a knob in engine/config/"
    )


def test_every_class_of_torch_is_in_the_table_or_has_a_reason():
    optimizers = {name for name in torch.optim.__all__ if inspect.isclass(getattr(torch.optim, name))} - {"Optimizer"}
    schedulers = set(torch.optim.lr_scheduler.__all__) - {"LRScheduler"}
    assert {entry.cls for entry in table().optimizers.values()} | {"SparseAdam"} == optimizers
    used = {entry.cls for entry in table().schedulers.values()}
    assert used | (set(table().unusable) - {"SparseAdam"}) == schedulers
    assert all(len(reason) > 15 for reason in [*table().unusable.values(), *table().left_out.values()])


def test_every_argument_is_a_knob_or_has_a_reason():
    for entry in [*table().optimizers.values(), *table().schedulers.values()]:
        cls = getattr(torch.optim, entry.cls, None) or getattr(torch.optim.lr_scheduler, entry.cls)
        reasons = {name.rpartition(".")[2] for name in table().left_out}
        assert set(inspect.signature(cls).parameters) - reasons <= set(entry.arguments) | set(entry.from_run)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_choices_are_those_of_the_table(section):
    family, _ = SECTIONS[section]
    assert set(knob_by_key()[f"{section}.name"].choices) == {*getattr(table(), family)} | (
        {"constant"} if section == "schedule" else set()
    )


def shown(section: str, name: str) -> set[str]:
    """The fields that the form shows for a choice when every switch and number that others hang on is set."""
    current = {row.key: row.default for row in knobs()} | {f"{section}.name": name}
    current |= {"optimizer.momentum": 0.5, "optimizer.weight_decay": 0.1, "schedule.cycle_mode": "exp_range"}
    return {row.key.split(".")[1] for row in knobs() if row.section == section and row.visible(current)}


COMMON = {"name", "lr", "extra", "warmup", "clip_norm", "clip_value"}


@pytest.mark.parametrize(("section", "name"), ENTRIES)
def test_the_form_shows_each_with_its_own_fields_only(section, name):
    family, _ = SECTIONS[section]
    assert shown(section, name) - COMMON == set(getattr(table(), family)[name].knobs) - COMMON


@pytest.mark.parametrize(("section", "name"), ENTRIES)
def test_the_defaults_are_torchs(section, name):
    family, _ = SECTIONS[section]
    config = getattr(build_config({section: {"name": name}, "run": {"batch_size": 0}}), section)
    for knob, default in getattr(table(), family)[name].knobs.items():
        expected = OURS.get((name, knob), STAND_INS.get(knob) if default is None else default)
        assert getattr(config, knob) == expected, knob
        assert knob_by_key()[f"{section}.{knob}"].default_for({f"{section}.name": name}) == expected


def test_a_configuration_says_the_defaults_of_its_optimizer():
    text = dump_config(build_config({"optimizer": {"name": "adamw"}}))
    assert tomllib.loads(text)["optimizer"]["weight_decay"] == 0.01
    assert RunConfig().optimizer.weight_decay == 0.0
    assert RunConfig.model_validate({"optimizer": {"name": "adamw", "weight_decay": 0.5}}).optimizer.weight_decay == 0.5
    assert knob_by_key()["optimizer.weight_decay"].default_words() == "0.0; 0.01 for adamw; 0.1 for muon"


def test_configurations_of_today_stay_valid():
    build_config({"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.5, "nesterov": True}})
    build_config({"optimizer": {"name": "adam", "beta1": 0.8, "beta2": 0.9}})
    build_config({"optimizer": {"name": "adamw", "weight_decay": 0.1}})
    build_config({"schedule": {"name": "step", "step_size": 3, "gamma": 0.1}})
    build_config({"schedule": {"name": "cosine", "min_lr": 1e-5}})
    build_config({"schedule": {"name": "plateau", "gamma": 0.1, "patience": 2, "min_lr": 1e-5}})


@pytest.mark.parametrize(
    ("nested", "line"),
    [
        ({"optimizer": {"name": "lbfgs"}}, "run.batch_size: lbfgs compares losses"),
        ({"optimizer": {"name": "rprop", "step_min": 2.0, "step_max": 1.0}}, "optimizer.step_min: is above"),
        ({"optimizer": {"name": "sgd", "dampening": 0.1, "nesterov": True}}, "optimizer.nesterov: has no effect here"),
        ({"optimizer": {"decoupled_weight_decay": True}}, "optimizer.decoupled_weight_decay: has no effect here"),
        ({"schedule": {"name": "cyclic", "base_lr": 0.1}}, "schedule.base_lr: is above optimizer.lr"),
        ({"schedule": {"name": "cyclic", "warmup": 1}}, "schedule.warmup: would warm up to a rate of 0"),
        ({"schedule": {"warmup": 50}}, "schedule.warmup: leaves no epoch behind it"),
        ({"schedule": {"name": "one_cycle", "three_phase": True, "pct_start": 0.6}}, "schedule.pct_start: leaves no"),
        ({"schedule": {"name": "cyclic", "cycle_gamma": 0.9}}, "schedule.cycle_gamma: has no effect here"),
        (
            {"optimizer": {"name": "rprop"}, "schedule": {"name": "one_cycle", "base_momentum": 0.5}},
            "schedule.base_momentum: has no effect here",
        ),
        ({"optimizer": {"extra": "betas=3"}}, "optimizer.extra: betas has a field of its own; set optimizer.beta1 and"),
        ({"optimizer": {"extra": "fused=true"}}, "optimizer.extra: fused is not an option here: torch picks"),
        ({"optimizer": {"extra": "whatever"}}, "optimizer.extra: must be name=value, name=value; got 'whatever'"),
        ({"schedule": {"extra": "a=1"}}, "schedule.extra: has no effect here"),
        ({"schedule": {"name": "one_cycle", "extra": "max_lr=1"}}, "schedule.extra: max_lr is not an option here"),
    ],
)
def test_what_does_not_go_together(nested, line):
    with pytest.raises(ConfigError) as caught:
        build_config(nested)
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].line().startswith(line)


# ------------------------------------------------------------------------------------- options of another torch than this


class Newer(torch.optim.SGD):
    """An SGD as a later torch might have it: with an option more."""

    seen: dict[str, object] = {}

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, jolt=0.0):
        Newer.seen = {"jolt": jolt}
        if jolt == 13:
            raise ValueError("jolt brings bad luck\nsecond line")
        super().__init__(params, lr, momentum, dampening, weight_decay, nesterov)


class Older(torch.optim.SGD):
    """An SGD as an earlier torch might have had it: without dampening."""

    def __init__(self, params, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, lr, momentum, 0.0, weight_decay, nesterov)


@pytest.fixture
def installed(monkeypatch):
    def install(sgd: type) -> None:
        stand_in = SimpleNamespace(SGD=sgd)
        monkeypatch.setattr(engine_optim, "_class", lambda module, entry, key: getattr(stand_in, entry.cls))

    return install


def built(**settings: object) -> torch.optim.Optimizer:
    config = build_config({"optimizer": {"name": "sgd", **settings}})
    return build_optimizer(config.optimizer, [torch.nn.Parameter(torch.zeros(2))])


def test_an_option_that_only_the_installed_torch_has(installed):
    installed(Newer)
    built(extra="jolt=0.25")
    assert Newer.seen == {"jolt": 0.25}
    with pytest.raises(
        ConfigError, match=r"optimizer\.extra: SGD of PyTorch \S+ has no option 'jilt'; it has lr, .*jolt"
    ):
        built(extra="jilt=0.25")
    with pytest.raises(
        ConfigError, match=r"optimizer\.extra: PyTorch refuses these values for SGD: jolt brings bad luck; "
    ):
        built(extra="jolt=13")


def test_an_option_that_the_installed_torch_lacks(installed):
    installed(Older)
    built()
    with pytest.raises(ConfigError, match=r"optimizer\.dampening: PyTorch \S+ has no such option for SGD"):
        built(dampening=0.5)


def test_a_class_that_the_installed_torch_lacks(monkeypatch):
    monkeypatch.delattr(torch.optim, "SGD")
    with pytest.raises(ConfigError, match=r"optimizer\.name: PyTorch \S+ has no SGD"):
        built()


def test_an_unknown_option_is_refused_before_anything_is_written(make_config, tmp_path):
    from engine import train

    for section in ({"optimizer": {"extra": "jolt=1"}}, {"schedule": {"name": "cosine", "extra": "jolt=1"}}):
        with pytest.raises(ConfigError, match="has no option 'jolt'"):
            train(make_config(data={"source": "wine"}, **section))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("a=1, b = 2.5 ,c=true,d=None, e=fast,", {"a": 1, "b": 2.5, "c": True, "d": None, "e": "fast"}),
        ("a=-1e-3", {"a": -1e-3}),
    ],
)
def test_extra_options_are_read(text, options):
    read = extra_options(text)
    assert read == options
    assert [type(value) for value in read.values()] == [type(value) for value in options.values()]


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a b=1", "1a=2", "a=1, b"])
def test_text_that_is_no_list_of_options_is_refused(text):
    with pytest.raises(ValueError, match="must be name=value"):
        extra_options(text)
