"""Recurrent cells against torch.nn and against their formulas.

Dimensions: T time, B batch, H width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wavegen.layers.recurrent_cells import GRU, LSTM, Elman, GatedCell
from wavegen.layers.recurrent_stack import RecurrentStack

T, B, INPUTS, H = 20, 3, 5, 7
PEERS: dict[str, tuple[Callable[[], GatedCell], Callable[[], nn.RNNBase]]] = {
    "tanh": (lambda: Elman(INPUTS, H), lambda: nn.RNN(INPUTS, H)),
    "relu": (
        lambda: Elman(INPUTS, H, activation="relu"),
        lambda: nn.RNN(INPUTS, H, nonlinearity="relu"),
    ),
    "lstm": (lambda: LSTM(INPUTS, H), lambda: nn.LSTM(INPUTS, H)),
    "gru": (lambda: GRU(INPUTS, H), lambda: nn.GRU(INPUTS, H)),
}
CELLS: dict[str, Callable[[], GatedCell]] = {
    **{name: made for name, (made, _) in PEERS.items()},
    "peepholes": lambda: LSTM(INPUTS, H, peepholes=True),
    "lstm, norms": lambda: LSTM(INPUTS, H, layer_norm=True),
    "gru, norms": lambda: GRU(INPUTS, H, layer_norm=True),
    "rnn, norms": lambda: Elman(INPUTS, H, layer_norm=True),
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def stepped(cell: GatedCell, x: Tensor, state: tuple[Tensor, ...]) -> Tensor:
    outs = []
    for z in cell.drive(x):
        state = cell.step(z, state)
        outs.append(state[0])
    return torch.stack(outs)


@torch.no_grad()
def take_over(cell: GatedCell, peer: nn.RNNBase) -> None:
    """Give a cell the random weights of torch.nn's layer."""
    given = dict(peer.named_parameters())
    cell.input_weight.copy_(given["weight_ih_l0"].t())
    cell.state_weight.copy_(given["weight_hh_l0"].t())
    cell.bias.copy_(given["bias_ih_l0"] + given["bias_hh_l0"])
    if isinstance(cell, GRU):  # torch.nn has two biases where one would do, but for the new value
        n = 2 * H
        cell.new_bias.copy_(given["bias_hh_l0"][n:])
        cell.bias[n:] = given["bias_ih_l0"][n:]


@pytest.mark.parametrize("name", PEERS)
def test_parity_with_torch(name: str) -> None:
    cell, peer = (make() for make in PEERS[name])
    assert isinstance(cell, GatedCell)
    assert isinstance(peer, nn.RNNBase)
    take_over(cell, peer)
    x = torch.randn(T, B, INPUTS)
    state = tuple(torch.randn(B, H) for _ in range(cell.n_states))
    before: Any = tuple(leaf[None] for leaf in state) if len(state) > 1 else state[0][None]
    expected, after = peer(x, before)
    scanned = cell.scan(x, state)
    assert scanned is not None
    last = after if isinstance(after, tuple) else (after,)
    for out in (stepped(cell, x, state), scanned[0]):
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-6)
    for mine, theirs in zip(scanned[1], last, strict=True):
        torch.testing.assert_close(mine, theirs[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", PEERS)
def test_gradients_of_both_ways_agree(name: str) -> None:
    cell = PEERS[name][0]().double()
    x, state = torch.randn(T, B, INPUTS).double(), cell.init_state(B)
    weight = torch.randn(T, B, H).double()
    scanned = cell.scan(x, state)
    assert scanned is not None
    parameters = list(cell.parameters())
    one = torch.autograd.grad((scanned[0] * weight).sum(), parameters)
    other = torch.autograd.grad((stepped(cell, x, state) * weight).sum(), parameters)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_lstm_with_peepholes_is_its_formula() -> None:
    cell = LSTM(INPUTS, H, peepholes=True)
    assert cell.peephole is not None
    nn.init.normal_(cell.peephole)
    x, h, c = torch.randn(B, INPUTS), torch.randn(B, H), torch.randn(B, H)
    a = (x @ cell.input_weight + h @ cell.state_weight + cell.bias).unflatten(1, (4, H))
    p = cell.peephole.unflatten(0, (3, H))
    i, f = torch.sigmoid(a[:, 0] + p[0] * c), torch.sigmoid(a[:, 1] + p[1] * c)
    after = f * c + i * torch.tanh(a[:, 2])
    o = torch.sigmoid(a[:, 3] + p[2] * after)
    got_h, got_c = cell.step(cell.drive(x), (h, c))
    torch.testing.assert_close(got_c, after)
    torch.testing.assert_close(got_h, o * after.tanh())


def test_norm_of_an_elman_cell_is_over_the_sum() -> None:
    cell = Elman(INPUTS, H, layer_norm=True)
    x, h = torch.randn(B, INPUTS), torch.randn(B, H)
    a = x @ cell.input_weight + h @ cell.state_weight + cell.bias
    a = (a - a.mean(1, keepdim=True)) / (a.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(cell.step(cell.drive(x), (h,))[0], a.tanh())


def test_forget_gates_begin_open() -> None:
    cell = LSTM(INPUTS, H)
    assert cell.bias.tolist() == [0] * H + [1] * H + [0] * 2 * H


def test_single_bias() -> None:
    """Two stacked LSTMs of 20 units and a dense layer of 5 on one value: 5,145 parameters."""
    cells = [LSTM(1, 20), LSTM(20, 20)]
    assert [sum(p.numel() for p in cell.parameters()) for cell in cells] == [1760, 3280]


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_zoneout_plays_its_expectation(name: str) -> None:
    stack = RecurrentStack([CELLS[name]()], zoneout=0.3).eval()
    plain = RecurrentStack(list(stack.cells), zoneout=0.0)  # pyright: ignore[reportArgumentType]
    x = torch.randn(B, INPUTS)
    state = (tuple(torch.randn(B, H) for _ in range(stack.cells[0].n_states)),)  # pyright: ignore
    _, (after,) = stack.step(x, state)
    _, (other,) = plain.step(x, state)
    for old, new, got in zip(state[0], other, after, strict=True):
        torch.testing.assert_close(got, 0.3 * old + 0.7 * new)


def test_zoneout_keeps_units_in_training() -> None:
    stack = RecurrentStack([GRU(INPUTS, 400)], zoneout=0.3).train()
    x = torch.randn(6, B, INPUTS)
    outs, _ = stack(x, stack.init_state(B))
    kept = (outs[1:] == outs[:-1]).float().mean()
    assert 0.25 < float(kept) < 0.35


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_dropout_leaves_out_weights_in_training_only(name: str) -> None:
    cell = CELLS[name]()
    cell.recurrent_dropout = 0.5
    stack, x = RecurrentStack([cell]), torch.randn(T, B, INPUTS)
    outs = [stack.train()(x, stack.init_state(B))[0] for _ in range(2)]
    assert not torch.equal(*outs)
    assert torch.equal(outs[0][0], outs[1][0])  # the first step has no state to read
    stack.eval()
    torch.testing.assert_close(
        stack(x, stack.init_state(B))[0], stepped(cell, x, cell.init_state(B))
    )


@pytest.mark.parametrize("name", CELLS)
def test_runs_under_autocast(name: str) -> None:
    stack, x = RecurrentStack([CELLS[name]()]), torch.randn(T, B, INPUTS)
    expected, _ = stack(x, stack.init_state(B))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, _ = stack(x.bfloat16(), stack.init_state(B))
    assert float((out.float() - expected).detach().abs().max()) < 0.1
    out.float().sum().backward()


def test_gradient_by_real_time_recurrent_learning() -> None:
    """RTRL (Williams and Zipser 1989) carries dh/dU forward; autograd goes back: they agree."""
    cell = Elman(INPUTS, H).double()
    x, weight = torch.randn(T, INPUTS).double(), torch.randn(T, H).double()
    h, slope = torch.zeros(H).double(), torch.zeros(H, H, H).double()  # dh_k / dU_ij as (k, i, j)
    total = torch.zeros(H, H).double()
    for t in range(T):
        u = cell.state_weight.detach()
        after = torch.tanh(cell.drive(x[t, None])[0].detach() + h @ u)
        direct = torch.einsum("i,jk->kij", h, torch.eye(H).double())
        slope = (1 - after**2)[:, None, None] * (direct + torch.einsum("lk,lij->kij", u, slope))
        h, total = after, total + torch.einsum("k,kij->ij", weight[t], slope)
    scanned = cell.scan(x[:, None], cell.init_state(1))
    assert scanned is not None
    (back,) = torch.autograd.grad((scanned[0][:, 0] * weight).sum(), [cell.state_weight])
    torch.testing.assert_close(total, back, rtol=0, atol=1e-8)
