"""The laws of a domain, for both alphabets and for conditions of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from wavegen_chorales.config import ChoralesConfig
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.grid import ChoraleGrid, join

from wavegen.testing import DomainContract

Make = Callable[[int, int], ChoraleGrid]


class TestNative(DomainContract):
    length = 500

    @pytest.fixture
    def domain(self) -> ChoralesDomain:
        return ChoralesDomain(ChoralesConfig())

    @pytest.fixture
    def raw(self, piece: Make) -> ChoraleGrid:
        return piece(150, 1)

    def join(self, pieces: Sequence[ChoraleGrid]) -> ChoraleGrid:
        return join(pieces)

    def cut(self, raw: ChoraleGrid, start: int, stop: int) -> ChoraleGrid:
        return raw.cut(start, stop)

    def same(self, actual: ChoraleGrid, expected: ChoraleGrid) -> bool:
        return actual == expected


class TestPitchesAlone(TestNative):
    @pytest.fixture
    def domain(self) -> ChoralesDomain:
        return ChoralesDomain(ChoralesConfig(holds=False, conditions=()))


class TestKeyAlone(TestNative):
    @pytest.fixture
    def domain(self) -> ChoralesDomain:
        return ChoralesDomain(ChoralesConfig(conditions=("key",)))
