"""The laws of a domain, for one channel and for several, and what it finds in its data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wavegen_series.config import SeriesConfig
from wavegen_series.domain import SeriesDomain
from wavegen_series.heads import Direct
from wavegen_series.series import Names, Series
from wavegen_series.units import log_slope, symbols_of, values_of

import wavegen
from wavegen.errors import ConfigError, DataError
from wavegen.models.linear import Linear
from wavegen.models.linear_config import LinearConfig
from wavegen.program.player import play
from wavegen.testing import DomainContract
from wavegen.training import train

HEADS = ("mu-law", "uniform", "quantile", "student-t", "logistics", "gaussian")


def noisy(n: int, channels: tuple[str, ...] = ("y",), seed: int = 0) -> Series:
    rng = np.random.default_rng(seed)
    values = 50 + 3 * np.sin(np.arange(n) / 5)[:, None] + rng.normal(size=(n, len(channels)))
    return Series("noisy", np.arange(n), values, names=Names(channels))


def write(path: Path, series: Series) -> str:
    rows = [",".join(("ds", *series.names.channels))]
    for time, row in zip(series.time, series.values, strict=True):
        rows.append(",".join([str(time), *("" if np.isnan(v) else repr(float(v)) for v in row)]))
    path.write_text("\n".join(rows) + "\n")
    return str(path)


class TestOneChannel(DomainContract):
    length = 120

    @pytest.fixture
    def domain(self) -> SeriesDomain:
        return SeriesDomain(SeriesConfig(channels=("y",), offset=(50.0,), unit=(3.0,)))

    @pytest.fixture
    def raw(self) -> Series:
        return noisy(150)

    def join(self, pieces: Sequence[Series]) -> Series:
        values = np.concatenate([piece.values for piece in pieces])
        time = np.concatenate([piece.time for piece in pieces])
        return replace(pieces[0], time=time, values=values)

    def same(self, actual: Series, expected: Series) -> bool:
        return np.array_equal(actual.values, expected.values) and np.array_equal(
            actual.time, expected.time
        )


class TestTwoChannels(TestOneChannel):
    @pytest.fixture
    def domain(self) -> SeriesDomain:
        found = {"channels": ("a", "b"), "offset": (4.0, 4.0), "unit": (0.1, 0.2)}
        return SeriesDomain(
            SeriesConfig(target=("a", "b"), transform="log", head="gaussian", **found)
        )

    @pytest.fixture
    def raw(self) -> Series:
        return noisy(150, ("a", "b"))


@pytest.mark.parametrize("transform", ["none", "log"])
def test_densities_of_symbols_become_those_of_values(transform: Any) -> None:
    config = SeriesConfig(channels=("y",), offset=(2.0,), unit=(3.0,), transform=transform)
    values = np.array([[5.0], [7.0]])
    slope = (symbols_of(_of(values + 1e-3), config) - symbols_of(_of(values - 1e-3), config)) / 2e-3
    np.testing.assert_allclose(log_slope(values, config), np.log(slope), rtol=2e-3)
    np.testing.assert_allclose(
        values_of(symbols_of(_of(values), config), config), values, rtol=1e-6
    )


def _of(values: np.ndarray) -> Series:
    return Series("x", np.arange(len(values)), values)


@pytest.mark.parametrize("head", HEADS)
def test_every_head_takes_what_the_forecaster_gives(head: Any) -> None:
    for channels in (("y",), ("a", "b")):
        domain = SeriesDomain(SeriesConfig(head=head, channels=channels, bins=8))
        built = domain.head()
        x = torch.randn(3, *domain.start.shape)
        x[0] = math.nan
        nats = built.nll(torch.randn(3, built.n_params), x).detach()
        assert float(nats[0]) == 0
        assert nats.isfinite().all()


def test_a_direct_head_speaks_in_units_of_the_present() -> None:
    head = SeriesDomain(SeriesConfig(head="point", horizon=3)).head()
    assert isinstance(head, Direct)
    params = torch.tensor([[10.0, math.log(2.0), 0.0, 1.0, -1.0]])
    assert torch.allclose(head.values(params), torch.tensor([[10.0, 12.0, 8.0]]))
    assert float(head.nll(params, torch.tensor([[10.0, 12.0, 11.0]]))) == pytest.approx(3.0)
    with pytest.raises(ConfigError, match="use wavegen forecast"):
        head.admit(wavegen.Controls())


def test_a_model_that_cannot_read_gaps_is_refused() -> None:
    domain = SeriesDomain(SeriesConfig(head="gaussian"))
    plain = Linear(LinearConfig(), domain.spec(domain.head()))
    with pytest.raises(ConfigError, match="use --model forecaster"):
        domain.admit(plain)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"horizon": 5}, "domain.horizon is 5; it must be 0 with every other head"),
        ({"head": "point"}, "domain.horizon is 0; it must be 1 to 65536"),
        ({"calendar": ("moon",)}, "domain.calendar"),
        ({"target": ("a", "a")}, "domain.target"),
        ({"unit": (0.0,), "offset": (1.0,)}, "domain.unit"),
        ({"bins": 1}, "domain.bins is 1"),
        ({"limit": 0.0}, "domain.limit is 0.0"),
        ({"head": "point", "horizon": 2, "target": ("a", "b")}, "one channel"),
    ],
)
def test_bad_settings_are_one_line(settings: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SeriesConfig(**settings)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_logarithm_needs_positive_values() -> None:
    config = SeriesConfig(transform="log")
    with pytest.raises(DataError, match="y is -1 at 1, and only values above 0"):
        symbols_of(_of(np.array([[2.0], [-1.0]])), config)


def prepared(path: Path, series: Series, **settings: Any) -> Any:
    domain = SeriesDomain(SeriesConfig(**settings))
    return domain.prepare([write(path / "data.csv", series)], path)


def test_a_random_walk_gets_student_t_and_advice(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    walk = _of(100 + rng.standard_t(3, size=(3000, 1)).cumsum(0))
    corpus = prepared(tmp_path, walk)
    assert corpus.domain.config.head == "student-t"
    assert "looks like a random walk" in " ".join(corpus.report["notes"])
    assert "--model.scaler difference" in " ".join(corpus.report["notes"])


def test_a_long_signal_gets_bins_and_no_advice(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, noisy(70_000))
    assert corpus.domain.config.head == "mu-law"
    assert len(corpus.report["notes"]) == 1


def test_units_are_those_of_the_training_part_and_stay(tmp_path: Path) -> None:
    series = noisy(400)
    later = replace(series, values=np.where(np.arange(400)[:, None] < 320, series.values, 1e6))
    corpus = prepared(tmp_path, later)
    np.testing.assert_allclose(corpus.domain.config.offset, later.values[:320].mean(0))
    np.testing.assert_allclose(corpus.domain.config.unit, later.values[:320].std(0))
    again = corpus.domain.prepare([write(tmp_path / "other.csv", noisy(99, seed=1))], tmp_path)
    assert again.domain.config == corpus.domain.config


def test_trains_samples_and_plays_as_a_program(tmp_path: Path) -> None:
    series = noisy(300)
    series.values[40:60] = np.nan
    run, source = tmp_path / "run", write(tmp_path / "data.csv", series)
    train(
        "series",
        [source],
        run,
        model_config={"backbone": "linear", "backbone_options": ("lags=2",)},
        trainer={"steps": 3, "window": 32, "context": 16, "validations": 0, "threads": 1},
        progress=False,
    )
    model = wavegen.load(run, engine="native")
    (drawn,) = model.generate(steps=40, seed=3)
    assert np.isfinite(drawn.values).all()
    assert 0 < drawn.values.mean() < 100
    program = tmp_path / "series.program"
    model.program().write(program)
    (played,) = play(program).generate(steps=40, seed=3)
    np.testing.assert_array_equal(played.values, drawn.values)
    (primed,) = model.generate(steps=50, prime=model.domain.load(Path(source)).until(45))
    np.testing.assert_array_equal(primed.time, np.arange(50))
