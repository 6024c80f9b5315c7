"""What the contracts share: the list of laws, and failures that an author expects."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping

import pytest

PREFIX = "test_"


class Contract(ABC):  # noqa: B024 - the abstract parts are fixtures, which pytest fills in
    """Laws as test methods. pytest collects subclasses named `Test...`, never the kit itself."""

    expected_failures: Mapping[str, str] = {}
    """Law (`"step_equals_forward"`) to the reason why it cannot hold. It must then really fail."""

    @classmethod
    def laws(cls) -> list[str]:
        """The names of all laws, without `test_`."""
        return [name.removeprefix(PREFIX) for name in dir(cls) if name.startswith(PREFIX)]

    @pytest.fixture(autouse=True)
    def _expect_failures(self, request: pytest.FixtureRequest) -> None:
        unknown = set(self.expected_failures) - set(self.laws())
        assert not unknown, f"expected_failures names no law: {sorted(unknown)}"
        law = request.function.__name__.removeprefix(PREFIX)
        if law in self.expected_failures:
            mark = pytest.mark.xfail(reason=self.expected_failures[law], strict=True)
            request.node.add_marker(mark)
