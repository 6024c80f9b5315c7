"""One sequence, drawn piece by piece by whoever asks for the next one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .domain import Domain
from .engines.engine import Engine
from .lengths import Progress, chunks
from .opening import Opening


def pieces(
    engine: Engine, opening: Opening, domain: Domain[Any], progress: Progress | None = None
) -> Iterator[Any]:
    """Raw pieces: what was given, then what is drawn, without end where the opening has none."""
    decoder, voice, length = domain.decoder(), opening.voice, opening.length
    n_given = len(opening.given)
    if opening.memory is not None:
        decoder.recall(opening.memory)
    if n_given:
        yield decoder.push(opening.given)
    begun = voice.position
    for chunk in chunks(domain.rate_hz):
        n = chunk if length is None else min(chunk, length - voice.position)
        if n == 0:
            break
        cond = None
        if opening.rows is not None:
            cond = opening.rows.some(n)[None]
            n = cond.shape[1]
            if n == 0:
                break
        drawn, (voice,) = engine.advance([voice], n, cond)
        if progress is not None:
            progress(voice.position - begun, None if length is None else length - begun)
        yield decoder.push(drawn[0])
    yield decoder.finish()
