"""Which columns of a table are what."""

from __future__ import annotations

from dataclasses import dataclass

from wavegen.errors import ConfigError


@dataclass(frozen=True)
class Columns:
    """Names of columns. What is empty is found by its usual name or by its place.

    Without a target and without an id, every column of numbers is a series of its own.
    """

    id: str = ""
    """Which series a row belongs to; usual names: unique_id, item_id, series_id."""
    time: str = ""
    """Usual names: ds, timestamp, date, datetime, time; else the first column, if it has dates."""
    target: tuple[str, ...] = ()
    """The channels, in the order in which they are drawn; usual names: y, target, value."""
    known: tuple[str, ...] = ()
    """Covariates that are known ahead."""
    past: tuple[str, ...] = ()
    """Covariates that are known up to now only."""
    static: tuple[str, ...] = ()
    """Covariates that hold for a whole series."""

    def __post_init__(self) -> None:
        """Refuse a column that plays two parts."""
        named = [name for name in (self.id, self.time) if name]
        named += [*self.target, *self.known, *self.past, *self.static]
        for name in named:
            if named.count(name) > 1:
                raise ConfigError(f"column {name!r} is named for two things; name it for one")
