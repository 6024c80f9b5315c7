"""Chains, models that look ahead and plans, from training to the command line, in one small run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import click.testing
import numpy as np
import pytest
import torch
from quartet_plugin import LETTERS, QuartetPlan, no_unison

from wavegen import checkpoint, training
from wavegen.beginnings import given_of
from wavegen.cli import main
from wavegen.errors import ConfigError
from wavegen.playing import TrainedModel, load
from wavegen.plugins import plugins

PLUGIN = Path(__file__).with_name("quartet_plugin.py")
SHORT = {
    "steps": 80,
    "batch": 4,
    "window": 32,
    "context": 4,
    "validations": 1,
    "ema": 0.5,
    "muon_lr": 0.02,
    "lr": 0.02,
    "device": "cpu",
    "precision": "float32",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on steps of one letter four times; it is an a where it is loud."""
    folder = tmp_path_factory.mktemp("quartets")
    rng = np.random.default_rng(0)
    steps = ["a" if rng.random() < 0.3 else LETTERS[rng.integers(1, 8)] for _ in range(2000)]
    (folder / "tune.txt").write_text("".join(letter * 4 for letter in steps))
    plugins().add_file(PLUGIN)
    training.train(
        "quartets",
        [str(folder / "tune.txt")],
        folder / "run",
        model="prophet",
        trainer=SHORT,
        progress=False,
    )
    return folder / "run"


@pytest.fixture(scope="module")
def model(run: Path) -> TrainedModel:
    return load(run, "cpu", engine="torch")


def test_the_head_is_trained_and_kept(run: Path, model: TrainedModel) -> None:
    """The chain has learnt that all four letters are one, which no vote can say."""
    found = checkpoint.read(run)
    weights, state = found.weights(), found.training()
    names = [name for name, _ in model.head.named_parameters()]
    assert any(name.startswith("embeddings.") for name in names)
    for name in names:
        assert bool(weights[f"head.{name}"].any())
        assert torch.equal(state[f"ema/head.{name}"], weights[f"head.{name}"])
        assert not torch.equal(state[f"raw/head.{name}"], weights[f"head.{name}"])
        assert f"AdamW/head.{name}/exp_avg" in state
        assert f"Muon/head.{name}/momentum" not in state
    assert any(name.startswith("Muon/model.") for name in state)
    [drawn] = model.generate(steps=200, seed=1)
    same = [len(set(drawn[t : t + 4])) == 1 for t in range(0, 800, 4)]
    assert sum(same) > 150


def test_what_is_played_is_what_is_scored(model: TrainedModel) -> None:
    """Parameters step by step, with the lead-in that knows of the sequence, are forward's."""
    cond = torch.rand(30, 2, generator=torch.Generator().manual_seed(0))
    x = model.generate_symbols(steps=30, cond=cond, seed=3)[0]
    scored = model.score_symbols(x, cond)
    lead, rows = model._conditioning.ahead(cond)
    assert lead is not None
    assert rows is not None
    assert rows.shape == (30, 4)
    net, domain, nats = model.model, model.domain, list[torch.Tensor]()
    with torch.no_grad():
        state, last = net.init_state(1), domain.start[None]
        for t in range(-len(lead), 30):
            now = lead[t] if t < 0 else rows[t]
            params, state = net.step(last, state, now[None])
            last = domain.start[None] if t < 0 else x[t][None]
            if t >= 0:
                nats.append(model.head.nll(params, last)[0])
    expected = torch.stack(nats) / np.log(2)
    torch.testing.assert_close(scored, expected, rtol=1e-4, atol=1e-4)


def test_scores_of_low_precision_look_ahead_too(run: Path, model: TrainedModel) -> None:
    small = load(run, "cpu", engine="native", precision="bfloat16")
    text = model.generate(steps=60, seed=2)[0]
    exact, rough = model.score(text), small.score(text)
    assert float((exact - rough).abs().max()) < 0.2
    assert not torch.equal(exact, rough)


def test_a_plan_counts(model: TrainedModel) -> None:
    """Where it is planned to be loud, the letter is an a, and hardly elsewhere."""
    [drawn] = model.generate(steps=120, plan=QuartetPlan(loud_every=3), seed=4)
    loud = [letter == "a" for letter in drawn[::4]]
    assert sum(loud[0::3]) > 35
    assert sum(loud) - sum(loud[0::3]) < 12
    assert model.generate(steps=40, seed=5) == model.generate(steps=40, plan=QuartetPlan(), seed=5)


@pytest.mark.parametrize("asked", [{}, {"plan": QuartetPlan(3)}])
def test_a_planned_stream_is_what_generate_gives(
    model: TrainedModel, asked: dict[str, QuartetPlan]
) -> None:
    prime = "aaaabbbb" * 8
    given = {"steps": 50, "seed": 7, "prime": prime, "prime_bars": 3, **asked}
    [whole] = model.generate(**given)
    assert whole.startswith(prime[:48])
    assert "".join(model.stream(**given)) == whole


def test_a_stream_that_follows_looks_ahead_first(model: TrainedModel) -> None:
    tune = "aaaabbbbccccaaaa" * 9
    [whole] = model.generate(follow=tune, seed=8)
    pieces = model.stream(follow=iter([tune[:40], tune[40:]]), seed=8)
    assert "".join(pieces) == whole


def test_symbols_are_annotated_as_generate_does_it(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a prime that is used in part, only the conditions of that part count."""
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(model.domain, "annotated", lambda raw, cond, prime: seen.append(cond))
    plan, prime, seconds = QuartetPlan(loud_every=3), "aaaabbbbaaaacccc", 2 / model.domain.rate_hz
    wish = {"steps": 12, "seed": 1, "plan": plan}
    model.generate(**wish, prime=prime, prime_seconds=seconds)
    given = given_of(model.domain, prime, seconds)
    x = model.generate_symbols(1, steps=12, seed=1, prime=given.x, cond=seen[0])[0]
    model.annotated(x, given, plan)
    assert len(given.x) == 2
    assert torch.equal(seen[0], seen[1])


def test_a_planned_stream_ends_after_an_hour(model: TrainedModel) -> None:
    stream = model.stream(seed=9)
    assert len(next(stream)) >= 4
    cond = model._conditioning.planned(None, 36_000, given_of(model.domain, None))
    assert cond is not None
    assert len(cond) == 36_000


def test_filters_see_the_letters_before_theirs(run: Path) -> None:
    """On both engines, which draw the same."""
    texts = [
        load(run, "cpu", engine=engine, filters=["no-unison"]).generate(steps=60, seed=6)[0]
        for engine in ("torch", "native")
    ]
    assert texts[0] == texts[1]
    steps = [texts[0][t : t + 4] for t in range(0, 240, 4)]
    assert all(len(set(step)) == 4 for step in steps)
    assert all(before[0] not in step for before, step in pairwise(steps))
    params = torch.zeros(1, 8)
    assert int(no_unison(params, torch.zeros(1, 4), torch.ones(1, 1)).lt(0).sum()) == 2


def test_what_cannot_be_asked(model: TrainedModel) -> None:
    with pytest.raises(ConfigError, match="a recording or a plan; give one"):
        model.generate(follow="aaaa", plan=QuartetPlan())
    with pytest.raises(ConfigError, match="give seconds or steps"):
        model.generate(plan=QuartetPlan())
    with pytest.raises(ConfigError, match="give seconds or bars, not both"):
        model.generate(steps=9, prime="aaaa", prime_bars=1, prime_seconds=1)


def call(*words: object) -> click.testing.Result:
    arguments = ["--plugin", str(PLUGIN), *map(str, words)]
    return click.testing.CliRunner().invoke(main, arguments)


def test_the_command_line_asks(run: Path, model: TrainedModel, tmp_path: Path) -> None:
    out = tmp_path / "new.txt"
    result = call("sample", "--loud-every", 3, run, "-o", out, "--engine", "torch")
    assert result.exit_code == 0, result.output
    assert out.read_text() == model.generate(seconds=1.2, plan=QuartetPlan(3))[0]
    tune = tmp_path / "tune.txt"
    tune.write_text("aaaabbbb" * 8)
    result = call(
        *("sample", run, "-o", out, "--prime", tune, "--prime-bars", 2, "--engine", "torch")
    )
    assert result.exit_code == 0, result.output
    assert out.read_text().startswith("aaaabbbb" * 4)
    result = call("stream", run, "--loud-every=3", "--steps", 12, "-o", out, "--engine", "torch")
    assert result.exit_code == 0, result.output
    assert out.read_text() == model.generate(steps=12, plan=QuartetPlan(3))[0]


@pytest.mark.parametrize("command", ["sample", "stream"])
def test_help_says_what_can_be_asked(run: Path, command: str) -> None:
    text = " ".join(call(command, run, "--help").stdout.split())
    assert "--loud-every INTEGER steps from one loud step to the next [default: 4]" in text
    assert "--loud-every" not in call(command, "--help").stdout


def test_what_is_asked_wrongly_is_one_line(run: Path, tmp_path: Path) -> None:
    out, tune = tmp_path / "new.txt", tmp_path / "tune.txt"
    tune.write_text("aaaa" * 20)
    for words, part in (
        ((run, "--loud-every", "often"), "plan.loud_every: "),
        ((run, "--load-every", 3), "No such option '--load-every'"),
        ((tmp_path / "none", "--loud-every", 3), "no checkpoint here"),
        ((run, "--loud-every", 3, "--condition-from", tune), "a recording or a plan"),
    ):
        result = call("sample", *words, "-o", out)
        assert result.exit_code == 2, result.output
        assert part in result.stderr
        assert "Traceback" not in result.stderr
