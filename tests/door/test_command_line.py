"""The command line's frame: what is listed, what is imported, and how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from wavegen import __version__
from wavegen.cli import COMMANDS, main
from wavegen.errors import DataError, WavegenError

Install = Callable[..., str]

COMMAND = """
    import click
    from wavegen import WavegenError, hookimpl

    @click.command()
    def hello():
        click.echo("hello")

    @hookimpl
    def wavegen_commands():
        yield hello
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Result]:
    """Run a command that raises."""

    def run(error: BaseException, *options: str) -> Result:
        def fail(_group: click.Group, _ctx: click.Context, _name: str) -> click.Command:
            @click.command()
            def command() -> None:
                raise error

            return command

        monkeypatch.setattr(type(main), "get_command", fail)
        return call(*options, "anything")

    return run


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        "import sys; from wavegen.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'wavegen_audio', 'wavegen.plugins'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert not [m for m in sys.modules if m.startswith('wavegen.cli.')]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name, (_, line) in COMMANDS.items():
        assert name in done.stdout
        assert line in " ".join(done.stdout.split())


def test_python_m_wavegen_and_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wavegen", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"wavegen, version {__version__}\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("sounds/x.wav: is no sound file"), "sounds/x.wav: is no sound file"),
        (OSError(28, "No space left on device", "run/w"), "run/w: No space left on device"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError(13, "Permission denied", "/no"), "/no: Permission denied"),
        (OSError("odd"), "odd"),
        (WavegenError("two\nlines"), "two lines"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(
    failing: Callable[..., Result], error: Exception, line: str
) -> None:
    result = failing(error)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"wavegen: {line}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_full_disk_under_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "wavegen", "plugins"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "wavegen: No space left on device\n")


def test_debug_shows_the_traceback(failing: Callable[..., Result]) -> None:
    result = failing(DataError("x.wav: is empty"), "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("wavegen: x.wav: is empty\n")


def test_bug_keeps_its_traceback(failing: Callable[..., Result]) -> None:
    result = failing(ZeroDivisionError("a bug"))
    assert isinstance(result.exception, ZeroDivisionError)


def test_ctrl_c_is_130(failing: Callable[..., Result]) -> None:
    result = failing(KeyboardInterrupt())
    assert result.exit_code == 130
    assert "Traceback" not in result.stderr


def test_closed_pipe_is_quiet() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from wavegen.cli import main; main(['plugins', '--json'])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_unknown_command_gets_the_nearest_name() -> None:
    result = call("trian")
    assert result.exit_code == 2
    assert "no command 'trian'; did you mean train?" in result.stderr


def test_unknown_option_gets_the_nearest_name() -> None:
    result = call("plugins", "--chek")
    assert result.exit_code == 2
    assert "--check" in result.stderr


def test_command_of_a_plugin(install: Install) -> None:
    install("greeter", COMMAND)
    assert call("hello").stdout == "hello\n"
    assert call("greeter:hello").stdout == "hello\n"
    near = call("zzz")
    assert near.exit_code == 2
    assert "no command 'zzz'; known: chorales, forecast, hello, series among plugins" in near.stderr


def test_plugins_lists_without_loading(install: Install) -> None:
    module = install("broken", "import nothing_of_that_name")
    result = call("plugins")
    assert result.exit_code == 0
    assert "broken-dist 1.0" in result.stdout
    assert module not in sys.modules
    assert "nothing_of_that_name" not in result.output


def test_plugins_check_fails_where_one_is_broken(install: Install) -> None:
    install("good", COMMAND)
    assert call("plugins", "--check").exit_code == 0
    install("broken", "import nothing_of_that_name")
    result = call("plugins", "--check", "--json")
    assert result.exit_code == 1
    rows = {row["name"]: row for row in json.loads(result.stdout)["plugins"]}
    assert rows["good"]["status"] == "loaded"
    assert rows["good"]["offers"] == ["command hello"]
    assert rows["broken"]["status"] == "broken"
    assert "nothing_of_that_name" in rows["broken"]["error"]


def test_plugin_from_a_file(tmp_path: Path, install: Install) -> None:
    install("other", COMMAND.replace("hello", "other"))
    file = tmp_path / "mine.py"
    file.write_text("\n".join(line[4:] for line in COMMAND.splitlines()))
    assert call("--plugin", str(file), "hello").stdout == "hello\n"
    missing = call("--plugin", str(tmp_path / "no.py"), "hello")
    assert missing.exit_code == 2
    assert missing.stderr == f"wavegen: {tmp_path / 'no.py'}: no such plugin file\n"


def test_strict_is_one_line_and_exit_code_2(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("broken", "import nothing_of_that_name")
    monkeypatch.setenv("WAVEGEN_STRICT", "1")
    result = call("plugins", "--check")
    assert result.exit_code == 2
    assert result.stderr.startswith("wavegen: plugin broken (broken-dist 1.0) is broken: ")
    assert len(result.stderr.splitlines()) == 1
