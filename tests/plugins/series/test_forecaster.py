"""The forecaster: what it draws, what it may not see, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.config import SeriesConfig
from wavegen_series.domain import SeriesDomain
from wavegen_series.forecast import Forecast
from wavegen_series.forecasting.forecaster import Forecaster
from wavegen_series.forecasting.horizons import Uncertainty
from wavegen_series.forecasting.paths import seeds
from wavegen_series.model import ForecasterModel
from wavegen_series.model_config import ForecasterConfig
from wavegen_series.series import Names, Numbers, Series

from wavegen.controls import Controls
from wavegen.engines.choice import EngineOptions
from wavegen.errors import ConfigError, DataError
from wavegen.native.binding import NativeUnavailable
from wavegen.native.library import builds
from wavegen.playing import TrainedModel

TINY = ("stacks=1", "layers=2", "residual_channels=4", "gate_channels=8", "skip_channels=4")
KINDS: dict[str, SeriesConfig] = {
    "plain": SeriesConfig(channels=("y",), head="student-t", offset=(3.0,), unit=(2.0,)),
    "log": SeriesConfig(
        channels=("y",), head="gaussian", transform="log", offset=(0.5,), unit=(0.3,)
    ),
    "told": SeriesConfig(
        channels=("a", "b"), target=("a", "b"), head="mu-law", bins=32, offset=(0.0, 1.0),
        unit=(1.0, 3.0), known=("price",), past=("traffic",), static=("size",), gaps=True,
        centre=(1.0, 2.0, 3.0), spread=(1.0, 0.5, 2.0), usual_step=1,
    ),
}  # fmt: skip
DIRECT = SeriesConfig(channels=("y",), head="point", horizon=6, offset=(1.0,), unit=(2.0,))


def model(config: SeriesConfig, engine: str = "torch", **settings: Any) -> TrainedModel:
    """Random weights: it knows nothing, and uses all that it is told."""
    domain = SeriesDomain(config)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = domain.head()
        shape = ForecasterConfig(backbone_options=TINY, **settings)
        made = ForecasterModel(shape, domain.spec(head))
        with torch.no_grad():
            for weight in [*made.parameters(), *head.parameters()]:
                weight.add_(0.1 * torch.randn_like(weight))
    return TrainedModel(made, head, domain, lead_in=6, options=EngineOptions(engine))


@cache
def forecaster(kind: str) -> Forecaster:
    return Forecaster(model(KINDS[kind]))


def series(kind: str, n: int, ahead: int = 0, seed: int = 0, name: str = "s") -> Series:
    """Values of any size; covariates where the model takes some."""
    config, rng = KINDS[kind], np.random.default_rng(seed)
    values = np.exp(rng.normal(size=(n, config.n_channels)))
    whole = n + ahead
    if not config.known:
        return Series(name, np.arange(whole), values, names=Names(config.channels))
    return Series(
        name,
        np.arange(whole),
        values,
        known=rng.normal(size=(whole, 1)),
        past=rng.normal(size=(n, 1)),
        static=rng.normal(size=1),
        names=Names(config.channels, config.known, config.past, config.static),
    )


# What it draws


@pytest.mark.parametrize("kind", KINDS)
def test_paths_are_those_of_a_session(kind: str) -> None:
    """Steps one at a time, from the seeds of the series, give the same values."""
    one, whole = forecaster(kind), series(kind, 9, 4)
    drawn = one.forecast([whole], 4, 3, 5)[0]
    assert drawn.samples.shape == (3, 4, one.config.n_channels)
    assert drawn.time.tolist() == [9, 10, 11, 12]
    domain = one.model.domain
    assert isinstance(domain, SeriesDomain)
    rows = domain.conditions(whole)
    voice = one.model.primed(
        domain.encode(whole), None if rows is None else rows[:9], domain.static_vector(whole)
    )
    for path, seed in zip(drawn.samples, seeds("s", 5, 3), strict=True):
        here, steps = replace(voice, seed=seed), list[Numbers]()
        for h in range(4):
            row = None if rows is None else rows[None, 9 + h : 10 + h]
            symbols, (here,) = one.model.engine.advance([here], 1, row)
            steps.append(domain.decode(symbols[0]).values[0])
        assert np.allclose(path, steps, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_does_not_depend_on_the_others(kind: str) -> None:
    one = forecaster(kind)
    company = [series(kind, n, 3, seed=n, name=f"s{n}") for n in (4, 11, 7)]
    together = one.forecast(company, 3, 5, 1)
    for each, found in zip(company, together, strict=True):
        alone = one.forecast([each], 3, 5, 1)[0]
        assert np.array_equal(alone.samples, found.samples)
        assert found.context.name == each.name
        assert len(found.context.time) == len(each)
    assert not np.allclose(together[0].samples[0, 0], together[0].samples[1, 0])
    twin = one.forecast([replace(company[0], name="other")], 3, 5, 1)[0]
    assert not np.allclose(twin.samples, together[0].samples)


@settings(max_examples=25)
@given(st.sampled_from([*KINDS]), st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 5))
def test_the_future_is_never_seen(kind: str, seed: int, n: int, horizon: int) -> None:
    """What comes after the context may be anything, the known covariates apart."""
    one, whole = forecaster(kind), series(kind, n + horizon, seed=seed)
    other = series(kind, n + horizon, seed=seed + 1)
    mixed = replace(
        whole,
        values=np.concatenate([whole.values[:n], other.values[n:]]),
        past=np.concatenate([whole.past[:n], other.past[n:]]),
    )
    found, again = (
        one.forecast([s.until(n, horizon)], horizon, 2, seed)[0] for s in (whole, mixed)
    )
    assert np.array_equal(found.samples, again.samples)
    density, changed = one.log_density(whole, 0), one.log_density(mixed, 0)
    assert density is not None
    assert changed is not None
    assert np.allclose(density[:n], changed[:n], rtol=1e-4, atol=1e-4)


def test_known_covariates_of_the_future_matter() -> None:
    one, whole = forecaster("told"), series("told", 8, 3)
    known = whole.known.copy()
    known[9] += 5
    found = one.forecast([whole, replace(whole, known=known)], 3, 60, 0)
    assert np.array_equal(found[0].samples[:, 0], found[1].samples[:, 0])
    assert not np.allclose(found[0].samples[:, 1], found[1].samples[:, 1])


@settings(max_examples=20)
@given(st.sampled_from([*KINDS]), st.integers(0, 2**31), st.floats(0, 0.9))
def test_a_forecast_is_finite_whatever_is_missing(kind: str, seed: int, share: float) -> None:
    whole = series(kind, 12, 4, seed=seed)
    gaps = np.random.default_rng(seed).random(whole.values.shape) < share
    gaps[3] = False
    known = replace(whole, values=np.where(gaps, np.nan, whole.values))
    found = forecaster(kind).forecast([known], 4, 3, 0)[0]
    assert np.isfinite(found.samples).all()


@pytest.mark.slow  # a program is made of the model
def test_both_engines_draw_the_same_paths() -> None:
    try:
        builds()
    except NativeUnavailable as reason:
        pytest.skip(str(reason))
    config = KINDS["plain"]
    one, other = (Forecaster(model(config, engine)) for engine in ("torch", "native"))
    context = series("plain", 20)
    paths, same = (each.forecast([context], 30, 6, 2)[0].samples for each in (one, other))
    assert np.allclose(paths, same, rtol=1e-3, atol=1e-3)


def test_controls_are_those_of_sampling() -> None:
    sharp = Forecaster(model(KINDS["plain"]), controls=Controls(temperature=0))
    found = sharp.forecast([series("plain", 8)], 3, 4, 0)[0]
    assert np.ptp(found.samples, axis=0).max() == 0
    with pytest.raises(ConfigError, match="top_k"):
        Forecaster(model(KINDS["plain"]), controls=Controls(top_k=3)).forecast(
            [series("plain", 8)], 3, 4, 0
        )


# Densities


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_those_of_the_score_in_units_of_the_data(kind: str) -> None:
    one, whole = forecaster(kind), series(kind, 9)
    density = one.log_density(whole, 2)
    assert density is not None
    domain = one.model.domain
    assert isinstance(domain, SeriesDomain)
    bits = one.model.score_symbols(
        domain.encode(whole), domain.conditions(whole), domain.static_vector(whole)
    )
    slope = -np.log(one.config.unit) - np.log(whole.values[2:]) * (kind == "log")
    expected = slope.sum(1) - math.log(2) * bits.double().numpy()[2:]
    assert np.allclose(density.sum(1), expected, rtol=1e-4, atol=1e-4)
    gap = replace(whole, values=np.where(np.arange(9)[:, None] == 5, np.nan, whole.values))
    missing = one.log_density(gap, 2)
    assert missing is not None
    assert np.isnan(missing[3]).all()
    assert np.isfinite(np.delete(missing, 3, axis=0)).all()


@pytest.mark.parametrize("kind", ["plain", "log"])
def test_densities_hold_all_that_can_come(kind: str) -> None:
    """The density of the last value, over all values, has the mass 1."""
    one, whole = forecaster(kind), series(kind, 5)
    grid = np.exp(np.linspace(-16, 16, 150)) if kind == "log" else np.linspace(-60, 60, 300)
    every = [replace(whole, values=np.append(whole.values[:-1], [[y]], axis=0)) for y in grid]
    density = [one.log_density(each, 4) for each in every]
    found = np.exp([float(each[0, 0]) for each in density if each is not None])
    mass = np.trapezoid(found, grid)
    assert mass == pytest.approx(1, abs=0.05)


def test_one_step_draws_follow_the_density() -> None:
    one, whole = forecaster("plain"), series("plain", 8)
    draws = one.one_step(whole, 3, 4000, 0)
    assert draws.shape == (4000, 5, 1)
    low, high = (float(np.quantile(draws[:, 2, 0], a)) for a in (0.2, 0.8))
    grid = np.linspace(low, high, 60)
    is_there = np.arange(8)[:, None] == 5
    every = [replace(whole, values=np.where(is_there, y, whole.values)) for y in grid]
    density = [one.log_density(each, 5) for each in every]
    mass = np.trapezoid([math.exp(float(each[0, 0])) for each in density if each is not None], grid)
    assert mass == pytest.approx(0.6, abs=0.05)


# Gaps


@settings(max_examples=15)
@given(st.sampled_from([*KINDS]), st.integers(0, 2**31), st.floats(0, 0.8))
def test_imputing_keeps_what_is_known_and_leaves_no_gap(kind: str, seed: int, share: float) -> None:
    whole = series(kind, 14, seed=seed)
    gaps = np.random.default_rng(seed).random(whole.values.shape) < share
    gaps[6] = False
    given_ = replace(whole, values=np.where(gaps, np.nan, whole.values))
    (filled,) = forecaster(kind).impute([given_], 3, seed)
    assert np.isfinite(filled.values).all()
    assert np.array_equal(filled.values[~gaps], whole.values[~gaps])
    assert np.array_equal(filled.known, whole.known)
    if gaps.any():  # from the past alone
        last = int(np.argwhere(gaps)[-1][0])
        other = np.concatenate([given_.values[: last + 1], whole.values[last + 1 :] * 3])
        (again,) = forecaster(kind).impute([replace(given_, values=other)], 3, seed)
        assert np.array_equal(filled.values[: last + 1], again.values[: last + 1])


@pytest.mark.parametrize("kind", ["plain", "told"])
def test_gaps_are_filled_as_a_session_would(kind: str) -> None:
    """Draw a step, put what is known of it in its place, go on from there."""
    one, whole = forecaster(kind), series(kind, 10)
    values = whole.values.copy()
    values[[3, 7]] = np.nan
    values[[4, 8], -1] = np.nan  # of two channels the other one is known
    gaps = replace(whole, values=values)
    (filled,) = one.impute([gaps], 1, 4)
    domain = one.model.domain
    assert isinstance(domain, SeriesDomain)
    x, rows = domain.encode(gaps), domain.conditions(gaps)
    voice = one.model.primed(x[:3], None if rows is None else rows[:3], domain.static_vector(gaps))
    here, steps = replace(voice, seed=seeds("s", 4, 1)[0]), [x[0], x[1], x[2]]
    for t in range(3, 10):
        row = None if rows is None else rows[None, t : t + 1]
        symbols, (here,) = one.model.engine.advance([here], 1, row)
        steps.append(torch.where(x[t].isnan(), symbols[0, 0], x[t]))
        here = replace(here, last=steps[-1][None])
    assert np.allclose(filled.values, domain.decode(torch.stack(steps)).values, rtol=1e-4)


def test_a_gap_at_the_end_is_a_forecast() -> None:
    """One path through it is the first path of a forecast."""
    one, whole = forecaster("plain"), series("plain", 12)
    values = whole.values.copy()
    values[8:] = np.nan
    (filled,) = one.impute([replace(whole, values=values)], 1, 7)
    assert np.allclose(filled.values[8:], one.forecast([whole.until(8)], 4, 1, 7)[0].samples[0])


# Doors


def test_what_can_be_predicted() -> None:
    one, whole = forecaster("plain"), series("plain", 12)
    found = one.predict(whole, 3, 5, seed=1)
    assert isinstance(found, Forecast)
    assert found.levels == (0.1, 0.5, 0.9)
    many = one.predict([whole], 3, 5, seed=1)
    assert isinstance(many, list)
    assert np.array_equal(many[0].samples, found.samples)
    dates = pd.date_range("2024-01-05", periods=12, freq="B")
    frame = pd.DataFrame({"ds": dates, "y": whole.values[:, 0]})
    by_frame = one.predict(frame, 3, 5, (0.25,), seed=1)
    assert isinstance(by_frame, Forecast)
    assert by_frame.time[0] == np.datetime64("2024-01-23")
    assert "q25" in by_frame.to_pandas().columns
    by_column = one.predict(frame.set_index("ds")["y"], 3, 5, seed=1)
    assert isinstance(by_column, Forecast)
    assert by_column.time[0] == by_frame.time[0]
    by_array = one.predict(whole.values[:, 0], 3, 5, seed=1)
    assert isinstance(by_array, Forecast)
    assert by_array.time.tolist() == [12, 13, 14]
    assert not np.array_equal(
        one.forecast([whole], 3, 5, 1)[0].samples, one.forecast([whole], 3, 5, 2)[0].samples
    )


def test_one_step_shows_no_times_to_go_on() -> None:
    with pytest.raises(DataError, match="series 'series': has one row of values; give two at"):
        forecaster("plain").predict(np.array([1.0]), 3)


def test_the_future_may_come_in_a_table_of_its_own() -> None:
    one, whole = forecaster("told"), series("told", 8, 3)
    alone = whole.until(8)
    alone = replace(alone, time=alone.time[:8], known=alone.known[:8])
    for first in (0, 8):
        table = pd.DataFrame({"step": np.arange(first, first + 3), "price": whole.known[8:, 0]})
        found = one.predict([alone], 3, 4, future=table, seed=0)
        assert isinstance(found, list)
        assert np.array_equal(found[0].samples, one.forecast([whole], 3, 4, 0)[0].samples)
    step = pd.DataFrame({"step": [8], "price": whole.known[8:9, 0]})
    (found,) = one.forecast([one.read([alone], step)[0]], 1, 4, 0)
    assert np.array_equal(found.samples, one.forecast([whole.until(8, 1)], 1, 4, 0)[0].samples)
    with pytest.raises(ConfigError, match="the future has no row after 7"):
        one.predict([alone], 3, future=pd.DataFrame({"step": [-3, -2], "price": [1.0, 2.0]}))
    with pytest.raises(DataError, match="told 0 steps ahead, and the horizon is 3"):
        one.predict([alone], 3)
    with pytest.raises(DataError, match="trained without covariates that are known ahead"):
        forecaster("plain").predict(series("plain", 8), 3, future=table)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"horizon": 0}, "horizon is 0; it must be 1 or more"),
        ({"horizon": -2}, "horizon is -2"),
        ({"n_samples": 0}, "n_samples is 0"),
        ({"quantiles": (0.1, 1.5)}, r"the quantile 1\.5 is none"),
        ({"quantiles": (math.nan,)}, "the quantile nan"),
        ({"quantiles": ()}, "which quantiles"),
        ({"data": np.full(5, np.nan)}, "all values are missing"),
        ({"data": np.array([])}, "has no rows"),
        ({"data": "nowhere.csv"}, "does not exist"),
        ({"data": np.zeros((6, 2))}, "has 2 channels"),
        ({"data": np.array([1.0, math.inf])}, "infinite"),
    ],
    ids=str,
)
def test_what_cannot_be_predicted(wrong: dict[str, Any], message: str) -> None:
    given_ = {"data": series("plain", 8), "horizon": 2, "seed": 0, **wrong}
    with pytest.raises((ConfigError, DataError), match=message):
        forecaster("plain").predict(**given_)


def test_a_series_of_nothing_is_refused() -> None:
    empty = Series("s", np.arange(3), np.full((3, 1), np.nan))
    for one, message in ((empty, "all values are missing"), (empty.until(0), "has no steps")):
        with pytest.raises(DataError, match=message):
            forecaster("plain").forecast([one], 2, 2, 0)


def test_values_without_a_logarithm_are_refused() -> None:
    with pytest.raises(DataError, match="logarithm"):
        forecaster("log").forecast(
            [Series("s", np.arange(3), np.array([[1.0], [0], [2]]))], 2, 2, 0
        )


def test_a_short_context_is_told_of() -> None:
    one = forecaster("plain")
    assert one.reach == 4
    assert one.short([series("plain", 4)]) is None
    with pytest.warns(UserWarning, match="'s': 3 steps are fewer than the 4"):
        one.predict(series("plain", 3), 2, 2, seed=0)


def test_a_model_of_something_else_is_refused() -> None:
    one = model(KINDS["plain"])
    one.domain = cast("Any", None)
    with pytest.raises(ConfigError, match="knows no series"):
        Forecaster(one)


# Whole horizons at once, and dropout


def test_a_direct_model_gives_one_path_and_no_more_steps_than_it_learnt() -> None:
    one = Forecaster(model(DIRECT))
    long, short = (one.forecast([series("plain", 9)], h, 50, 0)[0] for h in (6, 2))
    assert long.samples.shape == (1, 6, 1)
    assert np.array_equal(long.samples[:, :2], short.samples)
    with pytest.raises(ConfigError, match=r"forecasts 6 steps at once; .* --domain.horizon 7"):
        one.forecast([series("plain", 9)], 7, 1, 0)
    with pytest.raises(ConfigError, match="imputation takes draws"):
        one.impute([series("plain", 9)])
    assert one.log_density(series("plain", 9), 0) is None


def with_dropout(config: SeriesConfig, share: float, how: Uncertainty = "dropout") -> Forecaster:
    domain = SeriesDomain(config)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = domain.head()
        shape = ForecasterConfig("tcn", ("blocks=2", "channels=8", f"dropout={share}"))
        made = ForecasterModel(shape, domain.spec(head))
        with torch.no_grad():
            for weight in made.parameters():
                weight.add_(0.2 * torch.randn_like(weight))
    options = EngineOptions("torch")
    return Forecaster(TrainedModel(made, head, domain, lead_in=6, options=options), uncertainty=how)


@pytest.mark.parametrize("config", [KINDS["plain"], DIRECT, KINDS["told"]], ids=lambda c: c.head)
def test_dropout_makes_every_path_another_network(config: SeriesConfig) -> None:
    kind = "told" if config.known else "plain"
    one, whole = with_dropout(config, 0.3), series(kind, 9, 4)
    found, again, other = (one.forecast([whole], 4, 5, seed)[0].samples for seed in (1, 1, 2))
    assert found.shape == (5, 4, config.n_channels)
    assert len(np.unique(found[:, 0, 0])) > 1
    assert np.array_equal(found, again)
    assert not np.array_equal(found, other)
    assert not one.model.model.training
    with pytest.raises(ConfigError, match="trained without dropout"):
        with_dropout(config, 0.0).forecast([whole], 4, 5, 0)


def test_dropout_of_next_to_nothing_is_the_model_itself() -> None:
    whole = series("plain", 9)
    thin, plain = (with_dropout(KINDS["plain"], 2e-3, how) for how in ("dropout", "paths"))
    found, expected = (one.forecast([whole], 4, 6, 3)[0].samples for one in (thin, plain))
    assert np.allclose(found, expected, rtol=0.05)
