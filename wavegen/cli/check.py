"""`wavegen check`: the laws of the contract, tried on an installed model or domain."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from ..errors import PluginError
from ..plugins import plugins
from .output import json_option, note, show

TEST_FILE = """
from wavegen.plugins import plugins
from wavegen.testing import contract_for_{kind}

TestContract = contract_for_{kind}(plugins().{kind}({name!r}).spec)
"""


@dataclass(frozen=True)
class Verdict:
    """What one law said."""

    law: str
    outcome: str
    """`passed`, `failed` or `skipped`."""
    reason: str = ""


@dataclass
class _Listener:
    """A pytest plugin that notes the verdicts."""

    verdicts: list[Verdict] = field(default_factory=list[Verdict])

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            law = report.nodeid.rpartition("::")[2]
            self.verdicts.append(Verdict(law, report.outcome, _reason(report)))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.verdicts.append(Verdict("collection", "failed", _reason(report)))


@click.command()
@click.argument("name")
@json_option
@click.pass_context
def check(ctx: click.Context, name: str, as_json: bool) -> None:
    """Test the installed model or domain NAME against the contract; exit with 1 if a law fails."""
    results = {f"{kind} {name}": _verdicts(kind, name) for kind in _kinds(name)}
    lines: list[str] = []
    for what, verdicts in results.items():
        lines += [f"{v.outcome:8} {v.law:44} {v.reason}".rstrip() for v in verdicts]
        counts = {o: sum(v.outcome == o for v in verdicts) for o in ("passed", "failed", "skipped")}
        lines.append(f"{what}: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    ok = all(v.outcome != "failed" for verdicts in results.values() for v in verdicts)
    laws = {what: [asdict(v) for v in verdicts] for what, verdicts in results.items()}
    show({"ok": ok, "laws": laws}, "\n".join(lines), as_json)
    if not ok:
        ctx.exit(1)


def _kinds(name: str) -> list[str]:
    """`model`, `domain` or both: what goes by this name."""
    kinds: list[str] = []
    errors: list[str] = []
    for kind, look_up in {"model": plugins().model, "domain": plugins().domain}.items():
        try:
            look_up(name)
            kinds.append(kind)
        except PluginError as error:
            errors.append(str(error))
    if not kinds:
        raise PluginError("; ".join(errors))
    return kinds


def _verdicts(kind: str, name: str) -> list[Verdict]:
    """Run pytest, in this process, on the ready-made contract of what is offered."""
    try:
        import pytest
    except ModuleNotFoundError as error:
        raise PluginError("wavegen check needs pytest; pip install pytest") from error
    listener = _Listener()
    note(f"checking {kind} {name} ...")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        file = Path(folder) / "test_contract.py"
        file.write_text(TEST_FILE.format(kind=kind, name=name), encoding="utf-8")
        quiet = ["-p", "no:terminal", "-p", "no:cacheprovider", "-c", os.devnull]
        alone = [f"--rootdir={folder}", "--import-mode=importlib"]
        status = pytest.main([str(file), *quiet, *alone], plugins=[listener])
    if not listener.verdicts:
        raise PluginError(f"pytest could not run the laws (exit status {int(status)})")
    return listener.verdicts


def _reason(report: Any) -> str:
    """Why a law failed or was skipped, in one line."""
    if report.outcome == "skipped":
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.wasxfail
        return " ".join(str(text).removeprefix("Skipped: ").split())
    if report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        return " ".join(str(crash.message if crash else report.longrepr).split())[:500]
    return ""
