"""Percentages that exist even of nothing."""

from __future__ import annotations

from typing import SupportsFloat


def percent(count: SupportsFloat, total: SupportsFloat) -> float:
    """100 count / total; 0 where there is nothing to count."""
    return 100 * float(count) / float(total) if float(total) else 0.0
