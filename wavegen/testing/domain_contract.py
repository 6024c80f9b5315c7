"""The laws of a domain, one short test each.

Dimensions: T time, E event shape, C condition channels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from .. import config as configs
from ..controls import Controls
from ..domain import Domain
from ..errors import DataError
from ..heads import missing
from ..sampling import ControlBatch
from .contract import Contract
from .inputs import random_symbols

CHUNKS = ((1,), (2, 3), (7,), (1, 40, 1), (100,), (0, 5), (10_000_000,))
"""Lengths, repeated in turn, into which a sequence is cut."""


class DomainContract(Contract):
    """Files to symbols and back, whole and piece by piece.

    Override the fixtures `domain` and `raw`, a sequence as the domain knows it. Where such
    sequences are not arrays over time, override `join`, `cut`, `size` and `same` as well.
    """

    length: int = 1_500
    """Steps of the random sequences."""

    @pytest.fixture
    def domain(self) -> Domain[Any]:
        """The domain under test."""
        raise NotImplementedError("override the fixture `domain` and return a built domain")

    @pytest.fixture
    def raw(self) -> Any:
        """A sequence as the domain knows it, of some hundred steps."""
        raise NotImplementedError("override the fixture `raw` and return a sequence")

    def join(self, pieces: Sequence[Any]) -> Any:
        """Raw pieces end to end."""
        return np.concatenate([np.asarray(piece) for piece in pieces])

    def cut(self, raw: Any, start: int, stop: int) -> Any:
        """A piece of a raw sequence."""
        return raw[start:stop]

    def size(self, raw: Any) -> int:
        """The length of a raw sequence, in the units of `cut`."""
        return len(raw)

    def same(self, actual: Any, expected: Any) -> bool:
        """Whether two raw sequences are equal, to the last bit."""
        return np.array_equal(np.asarray(actual), np.asarray(expected))

    def test_spec(self, domain: Domain[Any]) -> None:
        """What the domain declares agrees with itself and with its head."""
        head = domain.head()
        spec = domain.spec(head)
        assert spec.n_params == head.n_params > 0
        assert spec.n_classes == head.n_classes
        assert spec.event_shape == head.event_shape
        assert spec.cond_channels == domain.cond_channels >= 0
        assert math.isfinite(domain.rate_hz)
        assert domain.rate_hz > 0
        assert domain.suffixes
        assert all(suffix.startswith(".") for suffix in domain.suffixes)
        assert len(set(domain.labels)) == len(domain.labels)
        for index, label in enumerate(domain.labels):
            assert int(domain.static(label)) == index

    def test_start(self, domain: Domain[Any]) -> None:
        """The start symbol is a legal symbol, and its condition has C channels."""
        assert tuple(domain.start.shape) == domain.head().event_shape
        self._legal(domain, domain.start[None])
        if domain.cond_channels:
            assert tuple(domain.start_cond.shape) == (domain.cond_channels,)
            assert domain.start_cond.isfinite().all()

    def test_symbols(self, domain: Domain[Any], raw: Any) -> None:
        """`encode` gives legal symbols `(T, *E)`, which the head can score."""
        x, head = domain.encode(raw), domain.head()
        self._legal(domain, x)
        assert len(x) > 0, "the fixture `raw` encodes to no symbols"
        nats = head.nll(torch.zeros(len(x), head.n_params), x)
        assert nats.isfinite().all()

    def test_round_trip(self, domain: Domain[Any], raw: Any) -> None:
        """What was encoded once decodes and encodes to itself."""
        x = domain.encode(raw)
        decoded = domain.decode(x)
        assert torch.equal(domain.encode(decoded), x), "encode(decode(x)) differs from x"
        assert self.same(domain.decode(domain.encode(decoded)), decoded)

    def test_draws_decode(self, domain: Domain[Any], raw: Any) -> None:
        """Whatever the head draws is legal and can be decoded."""
        head, rng = domain.head(), torch.Generator().manual_seed(0)
        n = 256
        noise = torch.rand(n, head.n_uniforms, generator=rng).clamp(2**-24, 1 - 2**-24)
        params = 3 * torch.randn(n, head.n_params, generator=rng)
        with torch.no_grad():
            x = head.draw(params, noise, ControlBatch.of([Controls()] * n))
        self._legal(domain, x)
        assert not missing(x).any(), "a draw is missing"
        domain.decode(x)

    def test_decoder(self, domain: Domain[Any]) -> None:
        """The decoder's pieces end to end are `decode` of the whole, however it is cut."""
        x = self._random(domain)
        whole = domain.decode(x)
        for chunks in CHUNKS:
            decoder, pieces = domain.decoder(), list[Any]()
            for start, stop in _cuts(len(x), chunks):
                pieces.append(decoder.push(x[start:stop]))
            pieces.append(decoder.finish())
            assert self.same(self.join(pieces), whole), f"pieces of {chunks} differ"

    def test_stream_format(self, domain: Domain[Any]) -> None:
        """Bytes of the pieces end to end are the bytes of the whole."""
        x, form = self._random(domain), domain.stream_format()
        whole = form.pack(domain.decode(x))
        assert isinstance(form.header, bytes)
        decoder, packed = domain.decoder(), list[bytes]()
        for start, stop in _cuts(len(x), (50,)):
            packed.append(domain.stream_format().pack(decoder.push(x[start:stop])))
        packed.append(domain.stream_format().pack(decoder.finish()))
        assert b"".join(packed) == whole

    def test_files(self, domain: Domain[Any], raw: Any, tmp_path: Path) -> None:
        """A saved sequence is read back with the same symbols."""
        decoded = domain.decode(domain.encode(raw))
        path = tmp_path / f"sequence{domain.suffixes[0]}"
        domain.save(decoded, path)
        back, x = domain.encode(domain.load(path)), domain.encode(decoded)
        assert back.shape == x.shape, f"{len(x)} steps were saved, {len(back)} read"
        if domain.head().n_classes is None:
            torch.testing.assert_close(back, x, rtol=0, atol=1e-4)
        else:
            assert torch.equal(back, x), "the file does not keep the symbols"

    def test_bad_files(self, domain: Domain[Any], raw: Any, tmp_path: Path) -> None:
        """A file that cannot be read is a `DataError` of one line that names it."""
        path = tmp_path / f"bad{domain.suffixes[0]}"
        cases = {"empty": b"", "zeros": bytes(5000), "text": b"\xff\xfe no such format \x00" * 99}
        for what, content in cases.items():
            path.write_bytes(content)
            self._refused(domain, path, what)
        self._refused(domain, tmp_path / f"missing{domain.suffixes[0]}", "missing")
        self._refused(domain, tmp_path, "a folder")

    def test_conditions(self, domain: Domain[Any], raw: Any) -> None:
        """There is one row of conditions for each symbol, or None where C is 0."""
        rows = domain.conditions(raw)
        if domain.cond_channels == 0:
            assert rows is None
            return
        assert rows is not None
        assert rows.shape == (len(domain.encode(raw)), domain.cond_channels)
        assert rows.dtype == torch.float32
        assert rows.isfinite().all()

    def test_annotated(self, domain: Domain[Any], raw: Any) -> None:
        """What is known of a sequence besides its symbols changes none of them."""
        made = domain.decode(domain.encode(raw))
        symbols = domain.encode(made)
        for cond in (None, domain.conditions(raw)):
            for prime in (None, raw):
                told = domain.annotated(made, cond, prime)
                assert torch.equal(domain.encode(told), symbols)

    def test_conditioner(self, domain: Domain[Any], raw: Any) -> None:
        """The conditioner's rows end to end are `conditions` of the whole, however it is cut."""
        if domain.cond_channels == 0:
            with pytest.raises(DataError):
                domain.conditioner()
            return
        whole, size = domain.conditions(raw), self.size(raw)
        assert whole is not None
        for chunks in CHUNKS[1:]:
            conditioner, rows, given = domain.conditioner(), list[Tensor](), 0
            for start, stop in _cuts(size, chunks):
                rows.append(conditioner.push(self.cut(raw, start, stop)))
                given += len(rows[-1])
                due = len(whole) * stop // size - conditioner.latency - 1
                assert given >= due, f"row {given} came later than the declared latency"
            rows.append(conditioner.finish())
            assert torch.equal(torch.cat(rows), whole), f"rows of pieces of {chunks} differ"

    def test_config(self, domain: Domain[Any]) -> None:
        """The config survives JSON, so a checkpoint can rebuild the domain."""
        values = json.loads(json.dumps(configs.to_dict(domain.config)))
        assert configs.parse(type(domain.config), values, "domain") == domain.config

    def test_metrics(self, domain: Domain[Any], raw: Any) -> None:
        """Metrics of a set of sequences are finite numbers with names, and JSON can hold them."""
        x = domain.encode(raw)
        metrics = domain.metrics([x, x[: len(x) // 2]])
        json.dumps(metrics)
        assert all(math.isfinite(value) for value in metrics.values()), metrics

    def test_picture(self, domain: Domain[Any], raw: Any, tmp_path: Path) -> None:
        """A picture of a sequence is a PNG file."""
        pytest.importorskip("matplotlib")
        domain.picture(raw, tmp_path / "picture.png", "title")
        assert (tmp_path / "picture.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"

    def _random(self, domain: Domain[Any]) -> Tensor:
        """Random legal symbols: not every domain can make these from files."""
        spec = domain.spec(domain.head())
        return random_symbols(spec, (self.length,), torch.Generator().manual_seed(1))

    def _legal(self, domain: Domain[Any], x: Tensor) -> None:
        head = domain.head()
        assert tuple(x.shape[1:]) == head.event_shape
        if head.n_classes is None:
            assert x.dtype == torch.float32
            assert not x.isinf().any()  # NaN is a missing value
        else:
            assert x.dtype == torch.int64
            assert 0 <= int(x.min()) <= int(x.max()) < head.n_classes

    def _refused(self, domain: Domain[Any], path: Path, what: str) -> None:
        with pytest.raises(DataError) as caught:
            domain.load(path)
        message = str(caught.value)
        assert "\n" not in message, f"{what}: the message has several lines"
        assert path.name in message, f"{what}: the message does not name the file: {message}"


def _cuts(length: int, chunks: tuple[int, ...]) -> list[tuple[int, int]]:
    """Where pieces of the given lengths, in turn, begin and end."""
    cuts, start, turn = list[tuple[int, int]](), 0, 0
    while start < length:
        stop = min(length, start + chunks[turn % len(chunks)])
        cuts.append((start, stop))
        start, turn = stop, turn + 1
    return cuts
