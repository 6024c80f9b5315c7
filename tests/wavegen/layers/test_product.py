"""A product is the same product, whichever library computes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from wavegen.layers.product import outer, product


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("shape", [(1, 3, 4), (64, 3, 4), (65, 3, 4), (300, 1, 4), (300, 3, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    n, k, o = shape
    torch.manual_seed(0)
    a, weight, bias = torch.randn(n, k), torch.randn(k, o), torch.randn(o)
    ours = [t.to(dtype, copy=True).requires_grad_() for t in (a, weight, bias)]
    exact = [t.detach().double().requires_grad_() for t in (a, weight, bias)]
    found, right = product(*ours), exact[0] @ exact[1] + exact[2]
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), right, rtol=1e-5, atol=1e-5)
    cotangent = torch.randn(n, o)
    found.backward(cotangent.to(dtype))
    right.backward(cotangent.double())
    for one, other in zip(ours, exact, strict=True):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(one.grad.double(), other.grad, rtol=1e-4, atol=1e-4)
    whole = outer(a.to(dtype), cotangent.to(dtype))
    assert whole.shape == (k, o)
    torch.testing.assert_close(
        whole.double(), a.double().t() @ cotangent.double(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.usefixtures("threads")
def test_rows_may_be_a_part_of_wider_ones() -> None:
    torch.manual_seed(0)
    wide, weight = torch.randn(200, 7), torch.randn(3, 5)
    part = wide[:, 2:5]
    torch.testing.assert_close(product(part, weight), part @ weight)
    torch.testing.assert_close(outer(part, wide[:, :2]), part.t() @ wide[:, :2])
