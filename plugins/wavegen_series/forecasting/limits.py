"""What can be asked for: steps and paths, quantiles, and how much of a past there should be."""

from __future__ import annotations

from collections.abc import Sequence

from wavegen.errors import ConfigError

from ..series import Series


def need_counts(horizon: int, n_samples: int, levels: Sequence[float]) -> None:
    """Raise `ConfigError` for what nobody can forecast."""
    for name, value in (("horizon", horizon), ("n_samples", n_samples)):
        if value < 1:
            raise ConfigError(f"{name} is {value}; it must be 1 or more")
    for level in levels:
        if not 0 < level < 1:
            raise ConfigError(f"the quantile {level:g} is none; it must be above 0 and below 1")
    if not len(levels):
        raise ConfigError("which quantiles? give one at least, such as 0.5")


def short_of(series: Sequence[Series], reach: int | None) -> str | None:
    """A line about series with fewer steps than a model looks back on, if there are any."""
    few = [each for each in series if reach is not None and len(each) < reach]
    if not few:
        return None
    more = f" and {len(few) - 1} more" if len(few) > 1 else ""
    return (
        f"series {few[0].name!r}{more}: {len(few[0])} steps are fewer than the {reach} that the "
        "model looks back on; it takes what was before as unknown"
    )
