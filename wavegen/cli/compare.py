"""`wavegen compare`: trained runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ..observers import run_log
from .output import json_option, show
from .playing import FILE, need_writable


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=FILE)
@click.option("--picture", type=FILE, help="A PNG file for the bits over the time of training.")
@json_option
def compare(runs: tuple[Path, ...], picture: Path | None, as_json: bool) -> None:
    """Set the trained RUNs beside each other, the best first.

    bits are those of the last validation, for one step; state is what a voice remembers.
    """
    if picture is not None:
        need_writable(picture)
    logs = {run: run_log.read(run / "log.jsonl") for run in dict.fromkeys(runs)}
    rows = sorted((_row(run) for run in logs), key=lambda row: row["bits"] or float("inf"))
    names = [str(row["run"]) for row in rows]
    values = {"runs": rows, "baselines": run_log.baselines(next(iter(logs.values())))}
    if picture is not None:
        from .compare_picture import draw_runs

        curves = {name: run_log.validation(logs[Path(name)]) for name in names}
        draw_runs(_short(curves), values["baselines"], picture)
    show(values, "\n".join(_table(values)), as_json)


def _row(run: Path) -> dict[str, Any]:
    from .. import state as trees
    from ..playing import load

    model = load(run, "cpu", engine="torch")
    trained, modules = model.config.get("trained", {}), (model.model, model.head)
    return {
        "run": str(run),
        "model": model.config["model"]["name"],
        "parameters": sum(p.numel() for module in modules for p in module.parameters()),
        "state_bytes_per_voice": trees.n_bytes(model.any_voice().state),
        "updates": trained.get("steps", 0),
        "scored": trained.get("scored", 0),
        "minutes": trained.get("seconds", 0) / 60,
        "bits": trained.get("bits_valid"),
    }


def _table(values: Mapping[str, Any]) -> list[str]:
    """Lines for people."""
    wide = max(len(row["run"]) for row in values["runs"])
    lines = [
        f"{'run':<{wide}}  {'model':<18} {'parameters':>11} {'state, bytes':>13} {'updates':>8} "
        f"{'scored':>12} {'minutes':>8} {'bits':>7}"
    ]
    for row in values["runs"]:
        bits = "" if row["bits"] is None else f"{row['bits']:.3f}"
        lines.append(
            f"{row['run']:<{wide}}  {row['model']:<18} {row['parameters']:>11,} "
            f"{row['state_bytes_per_voice']:>13,} {row['updates']:>8,} {row['scored']:>12,} "
            f"{row['minutes']:>8.1f} {bits:>7}"
        )
    if values["baselines"]:
        known = ", ".join(f"{name} {bits:.3f}" for name, bits in values["baselines"].items())
        lines.append(f"for comparison: {known}")
    return lines


def _short(curves: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, Any]:
    """The same under the names of the folders, where these tell the runs apart."""
    short = [Path(name).resolve().name for name in curves]
    names = short if len(set(short)) == len(short) else list(curves)
    return dict(zip(names, curves.values(), strict=True))
