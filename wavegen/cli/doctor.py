"""`wavegen doctor`: versions, devices and plugins, and what of it is broken."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Literal

import click

from .. import __version__
from ..cores import usable_cores
from ..native import binding
from ..plugins import plugins
from .output import json_option, show

NEEDED = ("torch", "numpy", "safetensors", "pluggy", "click", "pydantic", "mido", "soxr")
OPTIONAL = {
    "librosa": "audio",
    "torchaudio": "torchaudio",
    "matplotlib": "plot",
    "tensorboard": "tensorboard",
    "sounddevice": "play",
    "fastapi": "serve",
}
"""Module, and the extra that brings it."""
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd")


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    state: Literal["ok", "absent", "broken"]
    text: str


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Show versions, devices and plugins; exit with 1 if something that is needed is broken.

    The native core takes the best build of its kernels that the processor runs; the environment
    variable WAVEGEN_BUILD names another.
    """
    findings = [
        Finding("wavegen", "ok", __version__),
        Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}"),
        *(_module(name, "broken") for name in NEEDED),
        _soundfile(),
        *(_module(name, "absent", f"; pip install 'wavegen[{x}]'") for name, x in OPTIONAL.items()),
        *_processors(),
        _native_core(),
        Finding("disk", "ok", f"{shutil.disk_usage(Path.cwd()).free / 1e9:.1f} GB free here"),
        *_plugins(),
    ]
    broken = [finding.subject for finding in findings if finding.state == "broken"]
    lines = [f"{f.state:7} {f.subject:20} {f.text}" for f in findings]
    lines.append(f"broken: {', '.join(broken)}" if broken else "all that is needed works")
    result = {"findings": [asdict(finding) for finding in findings], "broken": broken}
    show(result, "\n".join(lines), as_json)
    if broken:
        ctx.exit(1)


def _module(name: str, if_missing: Literal["absent", "broken"], cure: str = "") -> Finding:
    """Import it: an installed package may still miss a library (torchaudio without CUDA's)."""
    try:
        import_module(name)
        return Finding(name, "ok", metadata.version(name))
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == name
        return Finding(name, if_missing, f"not installed{cure}" if is_missing else reason)


def _soundfile() -> Finding:
    found = _module("soundfile", "broken")
    if found.state != "ok":
        return found
    import soundfile

    return Finding(
        "soundfile", "ok", f"{found.text} with libsndfile {soundfile.__libsndfile_version__}"
    )


def _processors() -> list[Finding]:
    """What can compute: nothing to say where torch itself is broken."""
    try:
        import torch
    except Exception:
        return []
    cores = f"{usable_cores()} of {os.cpu_count()} cores usable, {torch.get_num_threads()} threads"
    found = [
        Finding("cpu", "ok", f"{torch.backends.cpu.get_cpu_capability()}; {cores}; {_cpu_flags()}")
    ]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            text = f"{card.name}, {card.total_memory / 2**30:.0f} GiB"
            found.append(Finding(f"cuda:{index}", "ok", text))
    else:
        built = torch.version.cuda
        why = f"no GPU found (CUDA {built})" if built else "this torch is built without CUDA"
        found.append(Finding("cuda", "absent", why))
    has_mps = torch.backends.mps.is_available()
    found.append(Finding("mps", "ok" if has_mps else "absent", "Apple GPU" if has_mps else "none"))
    return found


def _cpu_flags() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "flags unknown"
    words = set(text.split())
    return ", ".join(flag for flag in CPU_FLAGS if flag in words) or "no vector flags"


def _native_core() -> Finding:
    """What plays programs: its builds that this processor runs, and the one that is taken."""
    try:
        builds = binding.builds()
    except binding.NativeUnavailable as error:
        return Finding("native core", "absent", str(error))
    chosen = os.environ.get("WAVEGEN_BUILD") or builds[0]
    known = ", ".join(builds)
    if chosen not in builds:
        text = f"WAVEGEN_BUILD is {chosen!r}; it must be one of {known}"
        return Finding("native core", "broken", text)
    return Finding("native core", "ok", f"plays with {chosen} of {known}")


def _plugins() -> list[Finding]:
    return [
        Finding(
            f"plugin {row.name}",
            "broken" if row.status == "broken" else "ok",
            row.error or row.status,
        )
        for row in plugins().load()
    ]
