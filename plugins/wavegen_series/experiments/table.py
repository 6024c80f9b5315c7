"""Tables of experiments: what a source printed, what was measured here, and over how many seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """One row of one seed."""

    error: float
    parameters: int | None = None
    """Trained ones; None where nothing is."""
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Line:
    """One row over all seeds."""

    row: str
    outcomes: Sequence[Outcome]
    source: float | None
    """The source's own figure, where it prints one."""
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        errors = [each.error for each in self.outcomes]
        return {
            "row": self.row,
            "mean": float(np.mean(errors)),
            "lowest": min(errors),
            "highest": max(errors),
            "source": self.source,
            "remark": self.remark,
            "seeds": [asdict(each) for each in self.outcomes],
        }


@dataclass(frozen=True)
class Table:
    """What `wavegen series bench` prints."""

    title: str
    measure: str
    lines: Sequence[Line]
    remarks: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "measure": self.measure,
            "rows": [line.to_dict() for line in self.lines],
            "remarks": list(self.remarks),
        }

    def __str__(self) -> str:
        """For people."""
        cells = [("", self.measure, "seeds' spread", "source", "parameters", "CPU s", "")]
        for line in self.lines:
            errors = [each.error for each in line.outcomes]
            times = [each.cpu_seconds for each in line.outcomes if each.cpu_seconds is not None]
            n_parameters = line.outcomes[0].parameters
            cells.append(
                (
                    line.row,
                    shown(float(np.mean(errors))),
                    f"{shown(min(errors))} ... {shown(max(errors))}" if len(errors) > 1 else "",
                    "" if line.source is None else f"{line.source:g}",
                    "" if n_parameters is None else f"{n_parameters:,}",
                    f"{np.mean(times):.0f}" if times else "",
                    line.remark,
                )
            )
        widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
        rows = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        return "\n".join([self.title, "", *rows, "", *self.remarks]).rstrip()


def shown(value: float) -> str:
    """Four digits, in plain notation down to a millionth."""
    return f"{value:.4g}" if abs(value) < 1e-4 else f"{value:#.4g}"
