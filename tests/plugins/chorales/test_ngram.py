"""The floor that any model must beat: counts that make probabilities, and the published figures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_chorales import ngram
from wavegen_chorales.config import ChoralesConfig
from wavegen_chorales.domain import ChoralesDomain

SET = Path(__file__).parents[4] / "shared" / "data" / "jsb_chorales.tgz"


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 2**20))
def test_each_context_gives_a_distribution(n: int, n_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    context, known = rng.integers(4, size=n), rng.integers(n_classes, size=n)
    prior = rng.dirichlet(np.ones(n_classes))
    for wanted in range(5):  # the last was never seen
        classes = np.arange(n_classes)
        p = ngram._backed_off(prior, context, known, np.full(n_classes, wanted), classes, n_classes)
        assert p.sum() == pytest.approx(1)
        assert (p > 0).all()
        if wanted not in context:
            np.testing.assert_array_equal(p, prior)


def test_spans_count_from_the_change() -> None:
    events = np.array([5, 5, 5, 7, 7, 2])[:, None].repeat(4, axis=1)
    age, earlier = ngram._spans(events)
    assert age[:, 0].tolist() == [0, 1, 2, 3, 1, 2]
    assert earlier[:, 0].tolist() == [0, 0, 0, 0, 5, 5]


def test_what_was_learned_is_foretold_and_the_unknown_stays_possible() -> None:
    tune = np.tile(np.arange(1, 17)[:, None], (20, 4))
    strange = np.random.default_rng(0).integers(47, size=(50, 4))
    assert ngram.nats_per_note([tune], [tune], 47) < 0.1
    assert 3 < ngram.nats_per_note([tune], [strange], 47) < 12


@pytest.mark.skipif(not SET.exists(), reason="the set of 382 chorales is not here")
def test_the_floor_of_the_common_split(tmp_path: Path) -> None:
    """Measured before, with other code: 0.482 and 0.497 nats a note."""
    domain = ChoralesDomain(ChoralesConfig(holds=False, conditions=()))
    corpus = domain.prepare([str(SET)], tmp_path)
    for split, nats in ((corpus.valid, 0.482), (corpus.test, 0.497)):
        (bits,) = domain.baselines(corpus.train, split).values()
        assert bits * math.log(2) / 4 == pytest.approx(nats, abs=0.01)
