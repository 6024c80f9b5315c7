"""A trained model: files to model, model to sequences, and stream == generate."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checkpoint import fix_manifest
from toy_plugin import Letters, LettersConfig
from toy_run import PLUGIN, trained, write_run

import wavegen.playing
from wavegen import checkpoint, config
from wavegen.controls import Controls
from wavegen.engines.drawing import draw
from wavegen.errors import CheckpointError, ConfigError, DataError, PluginError
from wavegen.playing import TrainedModel, load
from wavegen.plugins import plugins


@pytest.fixture(autouse=True, scope="module")
def _plugin() -> None:
    plugins().add_file(PLUGIN)


# Length, seeds, primes


def test_the_ith_sequence_has_the_seed_plus_i_in_any_number() -> None:
    model = trained()
    many = model.generate_symbols(7, steps=25, seed=3)
    assert len({tuple(row.tolist()) for row in many}) == 7
    for i in (0, 3, 4, 6):
        assert torch.equal(model.generate_symbols(1, steps=25, seed=3 + i)[0], many[i])


def test_seconds_are_steps_at_the_domains_rate() -> None:
    model = trained()
    assert [len(raw) for raw in model.generate(2, seconds=0.25)] == [25, 25]
    assert len(model.generate(steps=1)[0]) == 1


@pytest.mark.parametrize(
    ("length", "message"),
    [
        ({}, "how long"),
        ({"seconds": 1.0, "steps": 3}, "not both"),
        ({"seconds": 0.0}, "seconds is 0.0"),
        ({"seconds": -1.0}, "seconds is -1.0"),
        ({"seconds": math.nan}, "seconds is nan"),
        ({"seconds": math.inf}, "seconds is inf"),
        ({"seconds": 0.001}, "seconds is 0.001; it must come to one step at least, at 100 steps"),
        ({"steps": 0}, "steps is 0"),
        ({"n": 0, "steps": 1}, "n is 0"),
    ],
)
def test_lengths_that_make_no_sense(length: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        trained().generate(**length)


def test_a_prime_is_the_beginning_and_counts() -> None:
    model = trained()
    raw = model.generate(2, steps=30, prime="abcdefgh")
    assert [len(r) for r in raw] == [30, 30]
    assert all(r.startswith("abcdefgh") for r in raw)
    assert raw != model.generate(2, steps=30, prime="ponmlkji")
    assert model.generate(steps=8, prime="abcdefgh") == ["abcdefgh"]
    message = r"the prime has 0\.08 s \(8 steps\), longer than the 0\.05 s \(5 steps\) asked for"
    for play in (model.generate, model.stream):
        with pytest.raises(ConfigError, match=message):
            play(steps=5, prime="abcdefgh")


@pytest.mark.parametrize("n", [0, 1, 12])
def test_voices_of_several_primes_are_drawn_in_one_go(n: int) -> None:
    """Each is what `generate_symbols` draws after its own prime, in any company."""
    model = trained()
    primes = [torch.randint(16, (length,)) for length in (0, 3, 9)]
    paths = [(prime, seed) for prime in primes for seed in (4, 5, 6, 7)]
    voices = ((replace(model.primed(prime), seed=seed), None) for prime, seed in paths)
    done: list[int] = []
    blocks = list(draw(model.engine, voices, n, done.append))
    drawn = torch.cat([symbols for symbols, _ in blocks])
    assert len(blocks) == 3  # of 4 slots
    assert done == ([4 * n, 8 * n, 12 * n] if n else [])
    after = [voice for _, company in blocks for voice in company]
    for (prime, seed), symbols, voice in zip(paths, drawn, after, strict=True):
        whole = torch.cat([prime, symbols])
        assert voice.position == len(whole)
        if len(whole):
            expected = model.generate_symbols(1, steps=len(whole), seed=seed, prime=prime)
            assert torch.equal(whole, expected[0])


def test_the_lead_in_is_what_training_saw() -> None:
    """The first symbol comes from `lead_in` start symbols under forward, as in a window."""
    model = trained()
    start = model.domain.start.expand(1, model.lead_in)
    likeliest = model.model(start)[0, -1].argmax()
    greedy = model.generate_symbols(steps=1, controls=Controls(temperature=0))
    assert greedy[0, 0] == likeliest


# Streams


@settings(max_examples=15)
@given(
    steps=st.integers(1, 120),
    prime=st.text("abcdefghijklmnop", max_size=20),
    seed=st.integers(0, 100),
)
def test_a_stream_is_what_generate_gives(steps: int, prime: str, seed: int) -> None:
    model = trained()
    steps += len(prime)
    controls = Controls(top_p=0.9)
    pieces = list(model.stream(steps=steps, seed=seed, prime=prime, controls=controls))
    assert ["".join(pieces)] == model.generate(
        steps=steps, seed=seed, prime=prime, controls=controls
    )


def test_an_endless_stream_starts_small_and_stops_when_closed() -> None:
    model = trained()
    stream = model.stream(seed=2)
    sizes = [len(piece) for piece in islice(stream, 8)]
    assert sizes == [2, 4, 8, 16, 25, 25, 25, 25]
    stream.close()
    assert list(stream) == []


def test_what_is_wrong_with_a_stream_is_said_before_the_first_piece() -> None:
    with pytest.raises(ConfigError, match="nothing to follow"):
        trained().stream(follow=[])
    with pytest.raises(ConfigError, match="give one to follow"):
        trained(cond=True).stream()


# Conditions and labels


def cut(text: str, sizes: list[int]) -> Iterator[str]:
    for size in sizes:
        piece, text = text[:size], text[size:]
        yield piece
    yield text


@settings(max_examples=15)
@given(
    text=st.text("abcdefghijklmnop", min_size=1, max_size=80),
    sizes=st.lists(st.integers(0, 30), max_size=6),
    n_prime=st.integers(0, 10),
)
def test_following_a_recording_that_arrives_in_pieces(
    text: str, sizes: list[int], n_prime: int
) -> None:
    model = trained(cond=True)
    prime = text[:n_prime]
    (whole,) = model.generate(follow=text, prime=prime, seed=1)
    assert len(whole) == len(text)
    assert "".join(model.stream(follow=cut(text, sizes), prime=prime, seed=1)) == whole
    shorter = min(len(text), max(n_prime, 1) + 3)
    pieces = model.stream(follow=cut(text, sizes), prime=prime, seed=1, steps=shorter)
    assert "".join(pieces) == whole[:shorter]


def test_a_stream_asks_for_no_more_of_the_recording_than_it_needs() -> None:
    asked = []

    def arriving() -> Iterator[str]:
        for i in range(1000):
            asked.append(i)
            yield "abcd"

    list(trained(cond=True).stream(follow=arriving(), steps=20))
    assert len(asked) <= 7


def test_conditions_matter_and_must_suffice() -> None:
    model = trained(cond=True)
    assert model.generate(follow="a" * 60) != model.generate(follow="b" * 60)
    with pytest.raises(ConfigError, match="has 5 steps, 9 were asked for"):
        model.generate(follow="abcde", steps=9)
    with pytest.raises(DataError, match="ends 3 steps before the prime does"):
        list(model.stream(follow=["abcde"], prime="a" * 8))
    with pytest.raises(ConfigError, match="give one to follow"):
        model.generate(steps=9)
    with pytest.raises(ConfigError, match="trained without per-step conditions"):
        trained().generate(follow="abc")


def test_labels_are_needed_where_there_are_some() -> None:
    model = trained(labels=("ann", "bob"))
    assert model.generate(steps=50, label="ann") != model.generate(steps=50, label="bob")
    with pytest.raises(ConfigError, match=r"needs a label \(--speaker\); known: ann, bob"):
        model.generate(steps=50)
    with pytest.raises(ConfigError, match="no label 'cat'; known: ann, bob"):
        model.generate(steps=50, label="cat")
    with pytest.raises(ConfigError, match="trained without labels"):
        trained().generate(steps=50, label="ann")


# Scores


@pytest.mark.parametrize("window", [1, 7, 64, 8192])
@pytest.mark.parametrize("settings_", [{}, {"output": "numbers"}, {"cond": True, "labels": ("a",)}])
def test_a_score_in_windows_is_that_of_one_pass(
    window: int, settings_: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained(**settings_)
    monkeypatch.setattr("wavegen.scoring._WINDOW_STEPS", window)
    text = "abcdefghhgfedcbapponmabc" * 3
    x, cond = model.domain.encode(text), model.domain.conditions(text)
    label = "a" if model.domain.labels else None
    scored = model.score(text, label=label)

    led = torch.cat([model.domain.start.expand(model.lead_in), x])[None]
    led_cond = None
    if cond is not None:
        led_cond = torch.cat([model.domain.start_cond.expand(model.lead_in, -1), cond])[None, 1:]
    static = torch.tensor([0]) if label else None
    with torch.no_grad():
        params = model.model(led[:, :-1], led_cond, static)[:, -len(x) :]
        expected = model.head.nll(params, x[None])[0] / math.log(2)
    assert scored.shape == (len(text),)
    torch.testing.assert_close(scored, expected, rtol=1e-5, atol=1e-5)


def test_probabilities_of_all_continuations_sum_to_one() -> None:
    model = trained()
    total = sum(2 ** -float(model.score("abc" + letter)[-1]) for letter in "abcdefghijklmnop")
    assert total == pytest.approx(1, abs=1e-5)
    assert len(model.score("")) == 0


# Loading


def test_a_run_and_a_copy_of_its_checkpoint_load_and_play_alike(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    expected = trained().generate_symbols(2, steps=40, seed=1)
    for place in (tmp_path, str(path)):
        model = load(place, "cpu", slots=4)
        assert torch.equal(model.generate_symbols(2, steps=40, seed=1), expected)
        assert model.config["trained"] == {"steps": 10}
    assert (
        load(tmp_path, filters=["even"])
        .generate(steps=30)[0]
        .translate(str.maketrans("", "", "acegikmo"))
        == ""
    )


def test_weights_start_at_addresses_of_their_own(tmp_path: Path) -> None:
    """Else the matrix library may add in another order than it did in training."""
    write_run(tmp_path)
    assert all(p.data_ptr() % 64 == 0 for p in load(tmp_path).model.parameters())


ABSURD = [
    ({"layers": 10**6, "hidden": 24}, "asks for more than"),
    ({"layers": 3, "hidden": 2**14}, "they do not belong together"),
    ({"layers": 3, "hidden": 2**31}, "no model can be built from it"),
    ({"layers": 3, "hidden": -1}, "no model can be built from it"),
    ({"layers": 2, "hidden": 24}, "has no place in the model"),
    ({"layers": 4, "hidden": 24}, "is missing"),
    ({"layers": "many", "hidden": 24}, "config.json: model.layers"),
    ({"height": 3}, "model.height: unknown setting"),
]


@pytest.mark.parametrize(("model_config", "message"), ABSURD)
def test_absurd_settings_are_refused_before_anything_is_allocated(
    tmp_path: Path, model_config: dict[str, Any], message: str
) -> None:
    offer = {"name": "toy", "plugin": "toy_plugin", "distribution": "toys", "version": "1.0"}
    write_run(tmp_path, {"model": {**offer, "config": model_config}})
    with pytest.raises(CheckpointError, match=message) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_domain_of_absurd_size_is_refused(tmp_path: Path) -> None:
    offer = {"name": "letters", "plugin": "toy_plugin", "distribution": "toys", "version": "1.0"}
    huge = asdict(LettersConfig(n_letters=2**31))
    write_run(tmp_path, {"domain": {**offer, "config": huge}})
    with pytest.raises(CheckpointError, match="its domain now gives"):
        load(tmp_path)
    domain = Letters(LettersConfig(n_letters=2**31))
    spec = config.to_dict(domain.spec(domain.head()))
    write_run(tmp_path, {"domain": {**offer, "config": huge}, "spec": spec})
    with pytest.raises(CheckpointError, match="they do not belong together"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lead_in": 0}, "lead_in is 0"),
        ({"lead_in": 2**40}, "lead_in is"),
        ({"lead_in": "x"}, "lead_in is 'x'"),
        ({"model": None}, "model is None; it must have a name"),
        ({"domain": {"name": "letters"}}, "domain is {'name': 'letters'}"),
        ({"spec": None}, "was trained for None"),
    ],
)
def test_a_config_with_holes_gives_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write_run(tmp_path, changes)
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path)


def test_weights_with_nan_are_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    weights = checkpoint.read(path).weights()
    weights["model.leave.bias"][3] = math.nan
    (path / "model.safetensors").write_bytes(checkpoint._to_safetensors(weights))
    fix_manifest(path, "model.safetensors")
    with pytest.raises(CheckpointError, match=r"'model\.leave\.bias' holds NaN"):
        load(tmp_path)


def test_a_missing_plugin_says_what_to_install_and_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    entry = {"name": "m", "plugin": "trap", "distribution": "wavegen-flute", "version": "2.1"}
    write_run(tmp_path, {"model": {**entry, "config": {}}})
    with pytest.raises(PluginError) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert "needs the model 'm' of the plugin 'trap'" in message
    assert "install the distribution wavegen-flute 2.1" in message
    assert not (tmp_path / "sprung").exists()
    write_run(tmp_path, {"model": {**entry, "config": {}, "distribution": "x; rm -rf ~"}})
    with pytest.raises(PluginError, match="install the plugin it was made with"):
        load(tmp_path)


@settings(max_examples=40)
@given(
    changes=st.dictionaries(
        st.sampled_from(["model", "domain", "spec", "lead_in"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
            lambda inner: st.dictionaries(
                st.sampled_from(["name", "plugin", "config", "layers", "labels"]), inner
            ),
        ),
        min_size=1,
    )
)
def test_any_config_gives_a_model_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    run = tmp_path_factory.mktemp("run")
    write_run(run, changes)
    match changes:
        case {"lead_in": int(n), **others} if not others and 1 <= n <= 2**24:
            load(run)  # a number as good as the one it was trained with, for all that is known
        case _:
            with pytest.raises((CheckpointError, PluginError)) as caught:
                load(run)
            assert "\n" not in str(caught.value)


def test_devices_and_filters_that_are_not_there(tmp_path: Path) -> None:
    write_run(tmp_path)
    with pytest.raises(ConfigError, match="device is 'tpu'; it must be auto, cpu"):
        load(tmp_path, "tpu")
    with pytest.raises(ConfigError, match="device is 'cpu:x'"):
        load(tmp_path, "cpu:x")
    with pytest.raises(PluginError, match="no filter 'odd'"):
        load(tmp_path, filters=["odd"])


def test_the_package_offers_it() -> None:
    import wavegen as package

    assert package.load is load
    assert package.TrainedModel is TrainedModel
    assert json.dumps(asdict(wavegen.playing.PLAIN))
