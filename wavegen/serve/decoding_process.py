"""The process that decodes one file: it starts, gives up what it does not need, and reads.

Dimensions: T time, E event shape, C condition channels.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from .. import config
from ..errors import WavegenError
from ..plugins import plugins
from .decoding import BAD, GOOD, READY

Arrays = dict[str, npt.NDArray[Any]]


def main() -> None:
    """Read what is asked from standard input; say the outcome on standard output."""
    asked = json.loads(sys.stdin.buffer.read())
    # What libraries print must not mix with what is said.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    path = Path(asked["path"])
    read = _reader(asked)
    _give_up(asked["bytes"], asked["seconds"])
    out.write(READY)
    out.flush()
    try:
        outcome = GOOD + save(_cut(read(path), asked["max_steps"]))
    except WavegenError as error:
        outcome = BAD + str(error).replace(str(path), "the file").encode(errors="replace")
    except MemoryError:
        fault = (
            f"the file takes more than {asked['bytes'] // 10**6} MB to decode; send a shorter one"
        )
        outcome = BAD + fault.encode()
    except Exception as error:  # a reader may fail in any way; its words are not for strangers
        outcome = BAD + f"the file cannot be decoded ({type(error).__name__})".encode()
    out.write(outcome)
    out.flush()


def _reader(asked: Mapping[str, Any]) -> Callable[[Path], Arrays]:
    """What turns the file into arrays; the domain's libraries are imported here."""
    for file in asked["plugin_files"]:
        plugins().add_file(Path(file))
    about = asked["domain"]
    spec = plugins().domain(f"{about['plugin']}:{about['name']}").spec
    settings = config.parse(spec.config, about["config"], "domain")
    if spec.player is not None and not asked["with_conditions"]:
        player = spec.player(settings)
        return lambda path: {"symbols": player.encode(player.load(path))}
    domain = spec.build(settings)

    def read(path: Path) -> Arrays:
        raw = domain.load(path)
        arrays: Arrays = {"symbols": domain.encode(raw).numpy()}
        rows = domain.conditions(raw) if asked["with_conditions"] else None
        return arrays if rows is None else {**arrays, "conditions": rows.numpy()}

    return read


def _cut(arrays: Arrays, max_steps: int) -> Arrays:
    return {name: np.ascontiguousarray(array[:max_steps]) for name, array in arrays.items()}


def _give_up(n_bytes: int, seconds: float) -> None:
    """From here on: no files but the one to read, little more memory, and seconds to live."""
    if sys.platform != "linux":
        return
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    spent = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(spent.ru_utime + spent.ru_stime + seconds) + 1
    for kind, value in {
        resource.RLIMIT_AS: used + n_bytes,
        resource.RLIMIT_CPU: limit,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }.items():
        _, most = resource.getrlimit(kind)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main()
