"""The TCN's equations, sizes and settings; the laws of the contract are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.tcn import TCN
from wavegen.models.tcn_config import PRESETS, TCNConfig

CLASSES = SequenceSpec(256, 256)
VALUES = SequenceSpec(n_params=1, n_classes=None)
SMALL = {"blocks": 3, "channels": 6}


def build(spec: SequenceSpec = CLASSES, **settings: Any) -> TCN:
    torch.manual_seed(0)
    return TCN(parse(TCNConfig, settings, "model"), spec)


def paper(model: TCN, x: Tensor) -> Tensor:
    """Figure 1 of Bai et al. 2018, out of padded and chomped convolutions: `(B, T, P)`."""
    h = model.embedding(x).transpose(1, 2)
    for block in model._blocks():
        out = h
        for conv in (block.first, block.second):
            layer = nn.Conv1d(
                out.shape[1],
                len(conv.bias),
                conv.kernel,
                dilation=conv.dilation,
                padding=conv.reach,
            )
            taps = conv.weight.unflatten(0, (conv.kernel, -1))  # nearest first
            layer.weight = nn.Parameter(taps.flip(0).permute(2, 1, 0).detach())
            layer.bias = nn.Parameter(conv.bias.detach())
            out = layer(out)[..., : x.shape[1]].relu()
        if block.shortcut is not None:
            h = F.conv1d(h, block.shortcut.weight[..., None], block.shortcut.bias)
        h = F.relu(out + h)
    return model.output(h.transpose(1, 2))


@pytest.mark.parametrize("settings", [{}, {"widths": (5, 7, 7)}, {"embedding_channels": 2}])
def test_it_is_the_network_of_the_paper(settings: dict[str, Any]) -> None:
    model, x = build(**SMALL | settings), torch.randint(256, (2, 60))
    torch.testing.assert_close(model(x), paper(model, x))


@pytest.mark.parametrize(
    ("preset", "parameters", "field"),
    [
        ("tiny", 33_568, 253),
        ("small", 136_192, 1021),
        ("base", 952_832, 2045),
        ("S", 388_256, 2045),
    ],
)
def test_sizes_of_presets(preset: str, parameters: int, field: int) -> None:
    model, normed = (build(**PRESETS[preset], weight_norm=flag) for flag in (False, True))
    assert sum(p.numel() for p in model.parameters()) == parameters
    lengths = 2 * sum(model.config.all_widths)  # weight norm has one more for each output
    assert sum(p.numel() for p in normed.parameters()) == parameters + lengths
    assert model.receptive_field == field


@pytest.mark.parametrize(
    ("kernel", "dilations", "field"), [(2, (1,), 3), (3, (1, 2, 4), 29), (7, (1, 5), 73)]
)
def test_receptive_field_is_1_plus_2_k_minus_1_sum_d(
    kernel: int, dilations: tuple[int, ...], field: int
) -> None:
    assert build(kernel=kernel, dilations=dilations).receptive_field == field


def test_widths_that_differ_have_a_shortcut() -> None:
    model = build(widths=(6, 6, 8), blocks=3, embedding_channels=4)
    assert [block.shortcut is not None for block in model._blocks()] == [True, False, True]


def test_the_tail_computes_only_what_it_needs() -> None:
    model = build(**SMALL)
    lengths = list[int]()
    for block in model._blocks():
        for conv in (block.first, block.second):
            conv.register_forward_hook(lambda _, args, out: lengths.append(out.shape[2]))
    model.tail(torch.randint(256, (1, 100)), 5)
    reaches = [2, 2, 4, 4, 8, 8]
    assert lengths == [5 + sum(reaches[i + 1 :]) for i in range(6)]


def test_spatial_dropout_drops_whole_channels_in_training_only() -> None:
    model = build(VALUES, blocks=1, channels=50, dropout=0.5)
    block = model._blocks()[0]
    with torch.no_grad():
        block.first.bias.fill_(10.0)
    h = torch.randn(2, 50, 30)
    silent = block.inner(h, 30) == 0
    assert torch.equal(silent.all(-1), silent.any(-1))
    assert 20 < int(silent.all(-1).sum()) < 80
    assert not (model.eval()._blocks()[0].inner(h, 30) == 0).any()


def test_weight_norm_changes_nothing_at_first() -> None:
    x = torch.randint(256, (2, 20))
    plain, normed = build(**SMALL), build(**SMALL, weight_norm=True)
    torch.testing.assert_close(normed(x), plain(x))


def test_muon_gets_the_weights_or_under_weight_norm_their_directions() -> None:
    plain, normed = build(**SMALL), build(**SMALL, weight_norm=True)
    convs = [(block.first, block.second) for block in plain._blocks()]
    assert [id(w) for w in plain.hidden_weights()] == [id(c.weight) for pair in convs for c in pair]
    names = {id(p): name for name, p in normed.named_parameters()}
    for weight, conv in zip(normed.hidden_weights(), plain.hidden_weights(), strict=True):
        assert weight.shape == conv.shape
        assert names[id(weight)].endswith("original1")  # the lengths are left to AdamW


@pytest.mark.parametrize("preset", PRESETS)
def test_a_fresh_model_neither_fades_nor_explodes(preset: str) -> None:
    model = build(**PRESETS[preset])
    out = model(torch.randint(256, (2, 300)))
    assert 0.1 < float(out.detach().std()) < 3
    out.square().mean().backward()
    first, last = (model._blocks()[i].first.bias.grad for i in (0, -1))
    assert first is not None
    assert last is not None
    assert 0.05 < float(first.norm() / last.norm()) < 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 0}, "model.channels is 0; it must be 1 to 65536"),
        ({"blocks": 25}, r"model.blocks is 25; .* it must be 1 to 24 \(or give model.dilations"),
        ({"kernel": 1}, "model.kernel is 1; it must be 2 to 1024"),
        ({"dilations": (0,)}, "model.dilations must be at most 1000 numbers from 1 to 2"),
        ({"widths": (3, 0)}, "model.widths must be numbers from 1 to 65536"),
        ({"widths": (3, 4), "blocks": 3}, "model.widths has 2 numbers for 3 blocks; give one"),
        ({"embedding_channels": -1}, "model.embedding_channels is -1; it must be 0 to 65536"),
        ({"dropout": 1.0}, "model.dropout is 1.0; it must be 0 or above, below 1"),
    ],
)
def test_sizes_that_make_no_network_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse(TCNConfig, settings, "model")
    assert "\n" not in str(raised.value)
