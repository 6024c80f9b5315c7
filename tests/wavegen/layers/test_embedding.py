"""The embedding of events and conditions: what it adds up, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from wavegen.errors import ConfigError
from wavegen.layers.embedding import EventEmbedding, StaticEmbedding
from wavegen.model import SequenceSpec
from wavegen.testing import SPECS
from wavegen.testing.inputs import awaken, random_inputs


@pytest.mark.parametrize("name", SPECS)
def test_one_step_is_embedded_as_many_are(name: str) -> None:
    spec = SPECS[name]
    embed, given = EventEmbedding(spec, 5), random_inputs(spec, 2, 7)
    awaken(embed)
    whole = embed(given.x, given.cond)
    assert whole.shape == (2, 7, 5)
    torch.testing.assert_close(embed(*given.at(3)), whole[:, 3])


def test_each_value_of_an_event_has_rows_of_its_own() -> None:
    embed = EventEmbedding(SequenceSpec(8, 4, event_shape=(2,)), 3)
    torch.testing.assert_close(embed(torch.tensor([1, 3])), embed.weight[1] + embed.weight[4 + 3])
    assert not torch.equal(embed(torch.tensor([1, 3])), embed(torch.tensor([3, 1])))


def test_events_of_several_dimensions() -> None:
    embed = EventEmbedding(SequenceSpec(8, None, event_shape=(2, 3)), 4)
    x = torch.randn(5, 2, 3)
    assert embed.bias is not None
    torch.testing.assert_close(embed(x), x.flatten(1) @ embed.weight + embed.bias)


def test_a_norm_of_a_real_value_tells_more_than_its_sign() -> None:
    embed, norm = EventEmbedding(SequenceSpec(8, None), 16), torch.nn.RMSNorm(16)
    one, two = norm(embed(torch.tensor([1.0, 2.0])))
    assert (one - two).abs().max() > 0.1


def test_conditions_start_at_zero() -> None:
    spec = SPECS["classes with conditions"]
    embed, static = EventEmbedding(spec, 5), StaticEmbedding(spec, 5)
    given = random_inputs(spec, 2, 3)
    assert given.cond is not None
    torch.testing.assert_close(embed(given.x, given.cond), embed(given.x, given.cond + 1))
    assert not static.bias(2, given.static, embed.weight).any()


def test_a_condition_that_is_missing_is_named() -> None:
    spec = SPECS["classes with conditions"]
    with pytest.raises(ConfigError, match="3 condition channels"):
        EventEmbedding(spec, 5)(torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ConfigError, match="static condition"):
        StaticEmbedding(spec, 5).bias(2, None, torch.zeros(1))


@pytest.mark.parametrize("name", SPECS)
def test_the_static_part_is_one_vector_a_row(name: str) -> None:
    spec = SPECS[name]
    static = StaticEmbedding(spec, 5)
    awaken(static)
    bias = static.bias(3, random_inputs(spec, 3, 1).static, torch.zeros(1))
    assert bias.shape == (3, 5)
    assert bool(bias.any()) == bool(spec.static_classes or spec.static_channels)
