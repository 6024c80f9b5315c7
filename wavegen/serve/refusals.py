"""What a server says no to: one code each, with its HTTP status and its WebSocket close code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..errors import CheckpointError, ConfigError, DataError, ProtocolError, WavegenError
from .uploads import NoRoomError


@dataclass(frozen=True)
class Meaning:
    """How a refusal is told to a listener."""

    name: str
    status: int
    close: int


class Code(Enum):
    """Why something was refused."""

    PROTOCOL = Meaning("protocol", 400, 1002)
    TOKEN = Meaning("token", 401, 1008)
    ORIGIN = Meaning("origin", 403, 1008)
    UNKNOWN = Meaning("unknown", 404, 1008)
    METHOD = Meaning("method", 405, 1008)
    TOO_SLOW = Meaning("too_slow", 408, 1008)
    EXPIRED = Meaning("expired", 410, 1008)
    TOO_LARGE = Meaning("too_large", 413, 1009)
    FORMAT = Meaning("format", 415, 1008)
    VALUE = Meaning("value", 422, 1008)
    LIMIT = Meaning("limit", 422, 1008)
    TOO_MANY = Meaning("too_many", 429, 1008)
    FAULT = Meaning("fault", 500, 1011)
    FULL = Meaning("full", 503, 1013)
    GOING_AWAY = Meaning("going_away", 503, 1001)


RETRY_SECONDS = 5
"""What a full server asks for: about as long as a short sequence takes."""

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}  # OpenAI's names


class RefusedError(WavegenError):
    """A request that is not granted; the message has the value and the cure."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def refusal(error: WavegenError) -> RefusedError:
    """How an error that a listener can mend is told to it."""
    match error:
        case RefusedError():
            return error
        case NoRoomError():
            return RefusedError(Code.FULL, _one_line(error))
        case ProtocolError():
            return RefusedError(Code.PROTOCOL, _one_line(error))
        case ConfigError() | DataError() | CheckpointError():
            return RefusedError(Code.VALUE, _one_line(error))
        case _:
            return RefusedError(Code.FAULT, _one_line(error))


def body(refused: RefusedError) -> dict[str, dict[str, str]]:
    """The JSON of an HTTP answer."""
    meaning = refused.code.value
    kind = _TYPES.get(meaning.status, "invalid_request_error")
    return {"error": {"message": str(refused), "type": kind, "code": meaning.name}}


def headers(refused: RefusedError) -> dict[str, str]:
    """What else an HTTP answer says."""
    match refused.code.value.status:
        case 401:
            return {"WWW-Authenticate": "Bearer"}
        case 503:
            return {"Retry-After": str(RETRY_SECONDS)}
        case _:
            return {}


def _one_line(error: WavegenError) -> str:
    return " ".join(str(error).split())
