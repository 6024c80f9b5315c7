"""`POST /v1/uploads`: a prime or a saved state comes in, an id goes out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from .refusals import Code, RefusedError
from .served import Served
from .service import Service


async def uploaded(
    service: Service, request: Request, kind: str, model: str, suffix: str
) -> dict[str, Any]:
    """Keep the body for a while. Whether a state fits its model is seen when it is resumed."""
    served = service.models.named(model)
    address = "" if request.client is None else request.client.host
    content = await request.body()
    if not content:
        raise RefusedError(Code.VALUE, "the body is empty; send the bytes of the file")
    match kind:
        case "prime":
            return await _prime(service, served, content, suffix, address)
        case "state":
            states = service.store.states
            id = states.add(content, len(content), address=address, model=model)
            return {"id": id, "seconds": 0.0, "expires_s": states.seconds}
        case _:
            raise RefusedError(Code.VALUE, f"kind is {kind!r:.80}; it must be prime or state")


async def _prime(
    service: Service, served: Served, content: bytes, suffix: str, address: str
) -> dict[str, Any]:
    domain = served.model.domain
    suffix = served.suffix(suffix or None)
    most = service.limits.prime_steps(domain.rate_hz)
    decoded = await service.decoder.decode(
        content,
        suffix,
        domain=served.model.config["domain"],
        spec=served.model.model.spec,
        max_steps=most,
    )
    primes = service.store.primes
    id = primes.add(decoded, decoded.n_bytes, address=address, model=served.name)
    seconds = len(decoded.symbols) / domain.rate_hz
    return {"id": id, "seconds": seconds, "expires_s": primes.seconds}
