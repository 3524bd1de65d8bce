"""The built-in datasets are what their cards say, and the same seed draws the same points."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from engine.config import DataConfig
from engine.data.catalogue import CARDS, Card
from engine.data.prepared import load_prepared
from engine.data.table import load
from engine.errors import DataError

GENERATED = [card.name for card in CARDS if card.generated]
CLASSES = [card.name for card in CARDS if card.generated and card.task == "classification"]
CLOUDS = [card.name for card in CARDS if card.name in CLASSES and not card.text]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_cards_are_true(card: Card) -> None:
    table = load(DataConfig(source=card.name))
    assert table.name == card.name
    assert table.task == card.task
    assert table.x.shape == (card.rows, card.features)
    assert len(table.class_names) == card.classes
    assert table.image_shape == card.shape
    assert len(table.feature_names) == len(set(table.feature_names)) == card.features
    if card.shape:
        assert np.prod(card.shape) == card.features


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_tables_are_well_formed(card: Card) -> None:
    table = load(DataConfig(source=card.name))
    assert table.x.dtype == np.float32
    assert table.x.flags.c_contiguous
    assert np.isfinite(table.x).all()
    assert table.y.shape == (len(table.x),)
    if table.task == "classification":
        assert table.y.dtype == np.int64
        assert sorted(set(table.y.tolist())) == list(range(card.classes))
        assert len(set(table.class_names)) == card.classes
    else:
        assert table.y.dtype == np.float32
    assert all(name.isprintable() and type(name) is str for name in (*table.feature_names, *table.class_names))


def test_diabetes_comes_in_real_units() -> None:
    table = load(DataConfig(source="diabetes"))
    age = table.x[:, table.feature_names.index("age")]
    assert 18 < age.min() < age.max() < 100
    assert 25 <= table.y.min() < table.y.max() < 400


@pytest.mark.parametrize("name", GENERATED)
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_same_seed_draws_the_same_points(name: str, noise: float) -> None:
    config = DataConfig(source=name, rows=101, noise=noise, seed=7)
    first = load(config)
    np.random.seed(3)  # the global state must not matter
    second = load(config)
    assert np.array_equal(first.x, second.x)
    assert np.array_equal(first.y, second.y)


@pytest.mark.parametrize("name", GENERATED)
def test_another_seed_draws_other_points(name: str) -> None:
    first, second = (load(DataConfig(source=name, rows=100, seed=seed)) for seed in (0, 1))
    assert not np.array_equal(first.x, second.x)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("rows", [30, 31, 33, 1000])
def test_classes_are_balanced_within_one(name: str, rows: int) -> None:
    counts = np.bincount(load(DataConfig(source=name, rows=rows)).y)
    assert counts.sum() == rows
    assert np.ptp(counts) <= 1


@pytest.mark.parametrize("name", CLOUDS)
def test_noise_has_the_stated_standard_deviation(name: str) -> None:
    # Points are drawn shape first, noise second, from one stream: the pure shape can be taken away.
    pure, noisy = (load(DataConfig(source=name, rows=20_000, noise=noise)).x for noise in (0.0, 0.3))
    difference = noisy - pure
    assert abs(difference.std() - 0.3) < 0.01
    assert abs(difference.mean()) < 0.01


@pytest.mark.parametrize(("name", "factory"), [("moons", "make_moons"), ("circles", "make_circles")])
def test_pure_shapes_agree_with_scikit_learn(name: str, factory: str) -> None:
    from sklearn import datasets

    extra = {"factor": 0.5} if name == "circles" else {}
    x, y = getattr(datasets, factory)(n_samples=200, shuffle=False, noise=None, **extra)
    table = load(DataConfig(source=name, rows=200, noise=0.0))
    np.testing.assert_allclose(table.x, x, atol=1e-6)
    assert np.array_equal(table.y, y)


def nearest_other_class(source: str) -> float:
    """The share of points whose nearest neighbour among the pure points is of another class, at noise 0.2."""
    pure, noisy = (load(DataConfig(source=source, rows=400, noise=noise, seed=1)) for noise in (0.0, 0.2))
    distances = ((noisy.x[:, None, :] - pure.x[None, :, :]) ** 2).sum(axis=2)
    return float((pure.y[distances.argmin(axis=1)] != noisy.y).mean())


@pytest.mark.parametrize(("name", "share"), [("blobs", 0.0), ("xor", 0.02), ("spirals", 0.03), ("moons", 0.1)])
def test_classes_are_apart_at_the_default_noise(name: str, share: float) -> None:
    assert nearest_other_class(name) <= share


def test_xor_is_the_sign_of_the_product_and_no_line_separates_it() -> None:
    table = load(DataConfig(source="xor", rows=400, noise=0.0))
    assert np.array_equal(table.y, (table.x.prod(axis=1) > 0).astype(np.int64))
    assert table.class_names == ("different signs", "same sign")
    for label in (0, 1):
        assert np.abs(table.x[table.y == label].mean(axis=0)).max() < 0.1


def test_spiral_arms_keep_their_distance() -> None:
    table = load(DataConfig(source="spirals", rows=1000, noise=0.0))
    first, second = table.x[table.y == 0], table.x[table.y == 1]
    gaps = np.sqrt(((first[:, None, :] - second[None, :, :]) ** 2).sum(axis=2)).min(axis=1)
    assert gaps.min() > 0.8


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("digit", "did you mean 'digits'? `nntui datasets` lists them"),
        ("IRIS", "did you mean 'iris'? `nntui datasets` lists them"),
        ("mnist-of-mars", "`nntui datasets` lists them"),
    ],
)
def test_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        load(DataConfig(source=name))
    (fault,) = caught.value.faults
    assert (fault.key, fault.problem, fault.hint) == ("data.source", f"no dataset called '{name}'", hint)


def test_an_unknown_name_is_shown_safely() -> None:
    with pytest.raises(DataError) as caught:
        load(DataConfig(source="\x1b]0;owned\x07\nx"))
    assert caught.value.faults[0].line().isprintable()


def test_a_file_without_a_known_ending_is_pointed_out(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("a,b\n1,2\n")
    with pytest.raises(DataError) as caught:
        load(DataConfig(source="data.txt"))
    assert "./data.txt" in caught.value.faults[0].hint


def test_listing_and_generated_sets_import_nothing_heavy() -> None:
    code = (
        "import sys; from engine.config import DataConfig; from engine.data import catalogue, prepared, files; "
        "prepared.load_prepared(DataConfig(source='moons')); "
        "print(sorted({'torch', 'sklearn', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_set_can_be_prepared(card: Card) -> None:
    prepared = load_prepared(DataConfig(source=card.name))
    assert prepared.classes == card.classes
    assert prepared.image_shape == card.shape
    parts = (prepared.x_train, prepared.x_validation, prepared.x_test)
    assert sum(map(len, parts)) == card.rows


def test_sparse_is_a_weighted_sum_of_its_useful_inputs() -> None:
    pure, noisy = (load(DataConfig(source="sparse", rows=5_000, noise=noise)) for noise in (0.0, 0.3))
    weights, *_ = np.linalg.lstsq(pure.x.astype(np.float64), pure.y.astype(np.float64), rcond=None)
    np.testing.assert_allclose(weights, [3.0, -2.0, 1.5, 1.0, *[0.0] * 16], atol=1e-5)
    assert abs((noisy.y - noisy.x[:, :4] @ np.array([3.0, -2.0, 1.5, 1.0])).std() - 0.3) < 0.02
    assert [name.split()[0] for name in noisy.feature_names] == ["useful"] * 4 + ["useless"] * 16
