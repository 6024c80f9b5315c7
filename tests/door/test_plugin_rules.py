"""The house rules for plugins: found without import, broken alone, never in silence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wavegen.errors import PluginError
from wavegen.plugins import PluginInfo, Plugins

Install = Callable[..., str]

GOOD = """
    from dataclasses import dataclass
    from wavegen import FilterSpec, ModelSpec, hookimpl

    @dataclass(frozen=True)
    class Config:
        width: int = 3

    @hookimpl
    def wavegen_models():
        yield ModelSpec("bell", Config, print, "rings")

    @hookimpl
    def wavegen_filters():
        yield FilterSpec("mute", print)
"""


def row(table: Plugins, name: str) -> PluginInfo:
    [found] = [row for row in table.load() if row.name == name]
    return found


def test_good_plugin_is_loaded_with_all_it_offers(install: Install) -> None:
    install("good", GOOD)
    table = Plugins()
    assert row(table, "good").status == "loaded"
    assert row(table, "good").offers == ("model bell", "filter mute")
    offer = table.model("bell")
    assert (offer.plugin, offer.distribution, offer.version) == ("good", "good-dist", "1.0")
    assert offer.spec.summary == "rings"
    assert table.model("good:bell") == table.model("good-dist:bell") == offer
    assert offer in table.models()
    assert table.filter("mute").spec.name == "mute"


def test_scan_imports_nothing(install: Install) -> None:
    module = install("loud", "raise AssertionError('imported')")
    rows = {row.name: row for row in Plugins().rows()}
    assert rows["loud"] == PluginInfo("loud", module, "loud-dist", "1.0", "found")
    assert module not in sys.modules


def test_what_names_its_plugin_loads_no_other(install: Install) -> None:
    install("good", GOOD)
    module = install("heavy", "x = 1")
    table = Plugins()
    assert table.model("good:bell").plugin == "good"
    assert {row.name: row.status for row in table.rows()}["heavy"] == "found"
    assert module not in sys.modules
    assert table.model("good-dist:bell") == table.model("good:bell")
    assert row(table, "heavy").status == "loaded"


def test_scan_and_load_of_the_core_import_no_torch() -> None:
    code = (
        "import sys; from wavegen.plugins import plugins\n"
        "plugins().rows(); assert 'wavegen_audio' not in sys.modules\n"
        "plugins().load(); assert 'torch' not in sys.modules, 'torch'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


BROKEN = {
    "import_error": ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
    "syntax_error": ("def (:", "SyntaxError"),
    "arithmetic": ("1 / 0", "ZeroDivisionError: division by zero"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "hook_from_the_future": (
        "from wavegen import hookimpl\n@hookimpl\ndef wavegen_smells(): return []",
        "does not fit wavegen",
    ),
    "argument_from_the_future": (
        "from wavegen import hookimpl\n@hookimpl\ndef wavegen_models(smell): return []",
        "does not fit wavegen",
    ),
    "raising_hook": (
        "from wavegen import hookimpl\n@hookimpl\ndef wavegen_models(): raise OSError('no\\nway')",
        "OSError: no way",
    ),
    "raising_half_way": (
        "from wavegen import FilterSpec, hookimpl\n@hookimpl\ndef wavegen_filters():\n"
        "    yield FilterSpec('half', print)\n    raise ValueError('half')",
        "ValueError: half",
    ),
    "exiting_hook": (
        "from wavegen import hookimpl\n@hookimpl\ndef wavegen_models(): raise SystemExit('bye')",
        "SystemExit: bye",
    ),
    "wrong_kind": (
        "from wavegen import hookimpl\n@hookimpl\ndef wavegen_models(): return ['a name']",
        "wavegen_models gave 'a name', expected a ModelSpec",
    ),
    "not_a_list": (
        "from wavegen import hookimpl\n@hookimpl\ndef wavegen_models(): return 3",
        "TypeError",
    ),
    "bad_name": (
        "from wavegen import FilterSpec, hookimpl\n@hookimpl\n"
        "def wavegen_filters(): return [FilterSpec('a b', print)]",
        "the name 'a b'; a name has no spaces and no colon",
    ),
    "bad_config": (
        "from wavegen import ModelSpec, hookimpl\n@hookimpl\n"
        "def wavegen_models(): return [ModelSpec('x', dict, print)]",
        "model 'x' has the config <class 'dict'>, expected a dataclass",
    ),
    "says_it_twice": (
        "from wavegen import FilterSpec, hookimpl\n@hookimpl\n"
        "def wavegen_filters(): return [FilterSpec('x', print)] * 2",
        "wavegen_filters offers filter 'x' twice",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_breaks_alone_and_says_why(install: Install, name: str) -> None:
    code, reason = BROKEN[name]
    install(name, code)
    install("good", GOOD)
    table = Plugins()
    broken = row(table, name)
    assert broken.status == "broken"
    assert reason in broken.error
    assert "\n" not in broken.error
    assert broken.offers == ()
    assert table.model("bell").plugin == "good"
    assert "half" not in {offer.name for offer in table.filters()}
    with pytest.raises(PluginError, match=rf"no model 'bel'; .*broken: {name} \({name}-dist 1.0\)"):
        table.model("bel")


@pytest.mark.parametrize("name", ["import_error", "raising_hook", "exits"])
def test_strict_raises_at_the_first_broken_one(
    install: Install, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    install(name, BROKEN[name][0])
    monkeypatch.setenv("WAVEGEN_STRICT", "1")
    with pytest.raises(PluginError, match=f"plugin {name} .* is broken: ") as raised:
        Plugins().load()
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("word", ["exits", "exits-dist", "Exits_Dist", "other, exits"])
def test_blocked_plugin_is_never_imported(
    install: Install, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    module = install("exits", "import sys; sys.exit(3)")
    monkeypatch.setenv("WAVEGEN_BLOCK", word)
    monkeypatch.setenv("WAVEGEN_STRICT", "1")
    table = Plugins()
    assert row(table, "exits").status == "blocked"
    assert module not in sys.modules
    with pytest.raises(PluginError, match=r"blocked: exits \(exits-dist 1.0\)"):
        table.model("nothing")


def test_clash_raises_when_the_name_is_used_and_says_how_to_choose(install: Install) -> None:
    install("one", GOOD)
    install("two", GOOD)
    table = Plugins()
    assert {row(table, "one").status, row(table, "two").status} == {"loaded"}
    with pytest.raises(PluginError) as raised:
        table.model("bell")
    assert str(raised.value) == (
        "model 'bell' is offered by one (one-dist 1.0) and by two (two-dist 1.0); "
        "say which: one:bell or two:bell"
    )
    assert table.model("two:bell").plugin == "two"


def test_namesakes_are_told_apart_by_their_distribution(install: Install) -> None:
    install("one", GOOD, plugin="same")
    install("two", GOOD, plugin="same")
    table = Plugins()
    with pytest.raises(PluginError, match="say which: one-dist:bell or two-dist:bell"):
        table.model("same:bell")
    assert table.model("two-dist:bell").distribution == "two-dist"


def test_failed_look_up_lists_what_exists(install: Install) -> None:
    install("good", GOOD)
    with pytest.raises(PluginError, match=r"no filter 'mte'; did you mean mute\?; known: .*mute"):
        Plugins().filter("mte")
    with pytest.raises(PluginError, match=r"no model 'nobody:bell'; .*known: .*bell"):
        Plugins().model("nobody:bell")


def test_distribution_that_lies_on_the_path_twice_is_found_once(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = install("good", GOOD)
    again = tmp_path / "again" / "good_dist-1.0.dist-info"
    again.mkdir(parents=True)
    (again / "METADATA").write_text("Metadata-Version: 2.1\nName: Good.Dist\nVersion: 1.0")
    (again / "entry_points.txt").write_text(f"[wavegen]\ngood = {module}\n")
    monkeypatch.syspath_prepend(tmp_path / "again")
    assert [r.name for r in Plugins().rows()].count("good") == 1


def test_half_removed_distribution_is_a_row(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("good", GOOD)
    left = tmp_path / "left" / "gone-1.0.dist-info"
    left.mkdir(parents=True)
    (left / "entry_points.txt").write_text("[wavegen]\ngone = gone_module\nempty =\n")
    monkeypatch.syspath_prepend(tmp_path / "left")
    table = Plugins()
    assert row(table, "gone").status == "broken"
    assert row(table, "gone").source == "gone (unknown)"
    assert row(table, "good").status == "loaded"


def test_one_file_plugin(tmp_path: Path, install: Install) -> None:
    file = tmp_path / "my plugin.py"
    file.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\nfrom wavegen import ModelSpec, hookimpl\n"
        "@dataclass(frozen=True)\nclass Config:\n    sizes: tuple[int, ...] = (1,)\n"
        "@hookimpl\ndef wavegen_models():\n    yield ModelSpec('mine', Config, print)\n"
    )
    table = Plugins()
    table.load()
    table.add_file(file)
    table.add_file(file)
    offer = table.model("mine")
    assert (offer.plugin, offer.distribution, offer.version) == ("my plugin", "my plugin.py", "")
    assert table.model("my plugin:mine") is offer

    from wavegen.config import parse

    assert parse(offer.spec.config, {"sizes": "2,3"}, "model").sizes == (2, 3)


def test_broken_or_missing_file_says_so(tmp_path: Path, install: Install) -> None:
    table = Plugins()
    with pytest.raises(PluginError, match=r"nothing\.py: no such plugin file"):
        table.add_file(tmp_path / "nothing.py")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    table.add_file(text)
    assert "must end in .py" in row(table, "notes").error
