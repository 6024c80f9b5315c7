"""Mu-law: one convention, in float64, over every code."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wavegen_audio import mulaw

from wavegen.errors import DataError

POWERS = [2**n for n in range(1, 17)]


@pytest.mark.parametrize("classes", POWERS)
def test_every_code_comes_back(classes: int) -> None:
    codes = np.arange(classes)
    assert np.array_equal(mulaw.encode(mulaw.decode(codes, classes), classes), codes)


@pytest.mark.parametrize("classes", POWERS)
def test_codes_rise_from_minus_one_to_one(classes: int) -> None:
    samples = mulaw.decode(np.arange(classes), classes)
    assert (np.diff(samples) > 0).all()
    np.testing.assert_allclose(samples[[0, -1]], [-1, 1], rtol=1e-15)
    np.testing.assert_allclose(samples, -samples[::-1], atol=1e-15)
    assert mulaw.encode(0.0, classes) == classes // 2


# The golden numbers come from the formula in 50-digit decimal arithmetic.


def test_golden_codes() -> None:
    samples = [-1, -0.5, -0.1, -0.01, -0.0001, 0, 0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 1]
    codes = [0, 16, 52, 98, 127, 128, 128, 133, 157, 203, 223, 239, 253, 255]
    assert mulaw.encode(samples).tolist() == codes


def test_golden_samples() -> None:
    codes = [0, 1, 64, 127, 128, 129, 192, 254]
    samples = [
        -1.0, -0.9572737086635956, -0.05814500388034755, -8.621159565072103e-05,
        8.621159565072103e-05, 0.0002643622685370101, 0.060903938013580176, 0.9572737086635956,
    ]  # fmt: skip
    np.testing.assert_allclose(mulaw.decode(codes), samples, rtol=1e-12)


def test_equals_torchaudio() -> None:
    try:
        from torchaudio.functional import mu_law_decoding, mu_law_encoding
    except (ImportError, OSError) as error:
        pytest.skip(f"torchaudio does not import: {error}")
    import torch

    x = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    theirs = mu_law_encoding(x, 256).numpy()
    assert np.array_equal(mulaw.encode(x.numpy()), theirs)
    codes = torch.arange(256)
    np.testing.assert_allclose(mulaw.decode(codes), mu_law_decoding(codes, 256), atol=1e-6)


@given(st.floats(allow_nan=False, width=32), st.sampled_from(POWERS))
def test_any_number_has_a_code(x: float, classes: int) -> None:
    code = int(mulaw.encode(x, classes))
    assert 0 <= code < classes
    assert mulaw.encode([[x], [np.float32(x)]], classes).tolist() == [[code], [code]]


@given(st.floats(-1, 1), st.sampled_from(POWERS))
def test_the_nearest_code_in_the_compressed_domain(x: float, classes: int) -> None:
    """Half a step of the compressed scale is the most that is lost."""

    def compress(value: float) -> float:
        mu = classes - 1
        return float(np.copysign(np.log1p(mu * abs(value)) / np.log1p(mu), value))

    back = float(mulaw.decode(mulaw.encode(x, classes), classes))
    assert abs(compress(back) - compress(x)) <= 1 / (classes - 1) + 1e-12


def test_nan_is_refused() -> None:
    with pytest.raises(DataError, match="1 samples are NaN"):
        mulaw.encode([0.0, float("nan"), 1.0])


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(mulaw).failed == 0
