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
    """What one law said of one kind of input."""

    law: str
    input: str
    outcome: str
    """`passed`, `failed` or `skipped`."""
    reason: str


@dataclass
class _Listener:
    """A pytest plugin that notes the verdicts, and what each law states."""

    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    statements: dict[str, str] = field(default_factory=dict[str, str])

    def pytest_itemcollected(self, item: Any) -> None:
        law, _ = _split(item.nodeid)
        self.statements[law] = " ".join((item.function.__doc__ or "").split())

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            click.echo("F" if report.failed else ".", nl=False, err=True)
            law, kind = _split(report.nodeid)
            self.verdicts.append(Verdict(law, kind, report.outcome, _reason(report)))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.verdicts.append(Verdict("collection", "", "failed", _reason(report)))


@click.command()
@click.argument("name")
@json_option
@click.pass_context
def check(ctx: click.Context, name: str, as_json: bool) -> None:
    """Test the installed model or domain NAME against the contract; exit with 1 if a law fails."""
    results = {f"{kind} {name}": _try_laws(kind, name) for kind in _kinds(name)}
    lines = [line for what, result in results.items() for line in _summary(what, result)]
    ok = all(v.outcome != "failed" for result in results.values() for v in result.verdicts)
    laws = {what: [asdict(v) for v in result.verdicts] for what, result in results.items()}
    show({"ok": ok, "laws": laws}, "\n".join(lines), as_json)
    if not ok:
        ctx.exit(1)


def _summary(what: str, result: _Listener) -> list[str]:
    """A line for each law, and one below it for each kind of input on which it failed."""
    laws: dict[str, list[Verdict]] = {}
    for verdict in result.verdicts:
        laws.setdefault(verdict.law, []).append(verdict)
    lines: list[str] = []
    for law, tried in laws.items():
        outcomes = {verdict.outcome for verdict in tried}
        worst = next(o for o in ("failed", "passed", "skipped") if o in outcomes)
        lines.append(f"{worst:8} {law:26} {result.statements.get(law, '')}")
        lines += [f"{v.input:>35} {v.reason}" for v in tried if v.outcome == "failed"]
    counts = {
        o: sum(v.outcome == o for v in result.verdicts) for o in ("passed", "failed", "skipped")
    }
    return [*lines, f"{what}: " + ", ".join(f"{n} {o}" for o, n in counts.items())]


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


def _try_laws(kind: str, name: str) -> _Listener:
    """Run pytest, in this process, on the ready-made contract of what is offered."""
    try:
        import pytest
    except ModuleNotFoundError as error:
        raise PluginError("wavegen check needs pytest; pip install pytest") from error
    listener = _Listener()
    click.echo(f"checking {kind} {name} ", nl=False, err=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        file = Path(folder) / "test_contract.py"
        file.write_text(TEST_FILE.format(kind=kind, name=name), encoding="utf-8")
        quiet = ["-p", "no:terminal", "-p", "no:cacheprovider", "-c", os.devnull]
        alone = [f"--rootdir={folder}", "--import-mode=importlib"]
        os.environ.pop("PYTEST_ADDOPTS", None)  # those are for tests of somebody's own
        status = pytest.main([str(file), *quiet, *alone], plugins=[listener])
    note("")
    if not listener.verdicts:
        raise PluginError(f"pytest could not run the laws (exit status {int(status)})")
    return listener


def _split(nodeid: str) -> tuple[str, str]:
    """`file::TestContract::test_causal[classes]` to `causal` and `classes`."""
    law, _, kind = nodeid.rpartition("::")[2].removeprefix("test_").partition("[")
    return law, kind.removesuffix("]")


def _reason(report: Any) -> str:
    """Why a law failed or was skipped, in one line."""
    if report.outcome == "skipped":
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.wasxfail
        return " ".join(str(text).removeprefix("Skipped: ").split())
    if report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        message = str(crash.message if crash else report.longrepr).strip()
        return message.removeprefix("AssertionError: ").partition("\n")[0][:200]
    return ""
