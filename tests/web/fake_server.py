"""A server that speaks the stream protocol and needs no model: tones, a hymn and random walks.

The page is tested against it where a real one would be slow, or too fast, or never full.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import struct
import sys
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from wavegen.serve import page

PIECE_SECONDS = 0.04
KEY = {"name": "key", "type": "string", "default": "", "choices": [], "help": "such as G or F#m"}


@dataclass(frozen=True)
class Fake:
    """One model; it makes `xrt` seconds of its kind in a second."""

    kind: str
    rate_hz: float
    xrt: float = 20.0
    default_seconds: float = 4.0
    place: int = 0
    labels: tuple[str, ...] = ()
    plan: tuple[dict[str, Any], ...] = ()
    controls: tuple[str, ...] = ("temperature", "top_p")

    def described(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "kind": self.kind,
            "rate_hz": self.rate_hz,
            "labels": list(self.labels),
            "plan": list(self.plan),
            "controls": [{"name": name} for name in self.controls],
            "suffixes": [".wav"],
            "encodings": ["s16le" if self.kind == "samples" else "json"],
            "default_seconds": self.default_seconds,
            "slots": 16,
            "xrt": self.xrt,
        }


MODELS = {
    "tone": Fake("samples", 16_000, labels=("low", "high")),
    "hymn": Fake("notes", 16 / 3, plan=(KEY,)),
    "walk": Fake("values", 1.0, 1000.0, 60.0, controls=("temperature",)),
    "slow": Fake("samples", 16_000, 0.6),
    "full": Fake("samples", 16_000, place=3),
}
CHORDS = ((72, 67, 64, 48), (71, 67, 62, 55), (72, 69, 65, 53), (72, 67, 64, 48))
VOICES = ("soprano", "alto", "tenor", "bass")


@dataclass
class Voice:
    """One sequence that is being made."""

    seed: int
    made: int = 0
    heard: int = 0
    is_done: bool = False
    is_paused: bool = False
    value: float = 0.0
    noise: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.noise = random.Random(self.seed)

    def payload(self, fake: Fake, n: int) -> bytes:
        steps = range(self.made, self.made + n)
        if fake.kind == "samples":
            hz = 220 * 2 ** (self.seed % 12 / 12)
            tone = (math.sin(2 * math.pi * hz * step / fake.rate_hz) for step in steps)
            return struct.pack(f"<{n}h", *(round(9000 * each) for each in tone))
        return b"".join(
            json.dumps(self._chord(step) if fake.kind == "notes" else self._step(step)).encode()
            + b"\n"
            for step in steps
        )

    def _chord(self, step: int) -> dict[str, dict[str, int]]:
        chord = CHORDS[(step // 4 + self.seed) % len(CHORDS)]
        notes = dict(zip(VOICES, chord, strict=True))
        return {"on": notes, "hold": {}} if step % 4 == 0 else {"on": {}, "hold": notes}

    def _step(self, step: int) -> dict[str, Any]:
        self.value += self.noise.gauss(0, 1)
        return {"ds": str(step), "y": self.value}


@dataclass
class Playing:
    """What the server knows, for the tests to ask."""

    listeners: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)


async def stream(socket: WebSocket) -> None:
    """One connection."""
    playing: Playing = socket.app.state.playing
    await socket.accept()
    start = json.loads(await socket.receive_text())
    playing.messages.append(start)
    fake = MODELS[start["model"]]
    first = playing.states.get(start.get("resume", ""), 0)
    seed = start.get("seed", 1)
    voices = [Voice(seed + i, first, first) for i in range(start.get("voices", 1))]
    seconds = start.get("seconds", fake.default_seconds)
    ahead = max(start.get("max_ahead_ms", 1000) / 1000, seconds * (1 - fake.xrt))
    playing.listeners += 1
    tasks = [
        asyncio.create_task(_receive(socket, voices, playing)),
        asyncio.create_task(_send(socket, start, fake, voices, ahead)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        await socket.close(1000)
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        for task in tasks:
            task.cancel()
        playing.listeners -= 1


async def _receive(socket: WebSocket, voices: list[Voice], playing: Playing) -> None:
    while True:
        message = json.loads(await socket.receive_text())
        playing.messages.append(message)
        chosen = [voices[message["voice"]]] if "voice" in message else voices
        for voice in chosen:
            match message["type"]:
                case "ack":
                    voice.heard = max(voice.heard, min(voice.made, message["steps"]))
                case "cancel":
                    voice.is_done = True
                case "pause":
                    voice.is_paused = True
                case "resume":
                    voice.is_paused = False
                case "update":
                    index = voices.index(voice)
                    await socket.send_json({"type": "updated", "voice": index, "step": voice.made})
        if message["type"] == "save":
            id = f"state{len(playing.states)}"
            playing.states[id] = chosen[0].heard
            saved = {"voice": message.get("voice", 0), "id": id, "step": chosen[0].heard}
            await socket.send_json({"type": "saved", "expires_s": 600, **saved})


async def _send(
    socket: WebSocket, start: dict[str, Any], fake: Fake, voices: list[Voice], ahead: float
) -> None:
    for place in range(fake.place, 0, -1):
        await socket.send_json({"type": "queued", "position": place})
        await asyncio.sleep(0.3)
    rate = fake.rate_hz
    seconds = start.get("seconds", fake.default_seconds)
    wait = 0.0 if fake.xrt >= 1 else seconds * (1 - fake.xrt) / fake.xrt
    await socket.send_json(
        {
            "type": "created",
            "version": 1,
            "id": "fake",
            "model": start["model"],
            "kind": fake.kind,
            "rate_hz": rate,
            "encoding": "s16le" if fake.kind == "samples" else "json",
            "seeds": [voice.seed for voice in voices],
            "first": voices[0].made,
            "max_ahead_ms": round(1000 * ahead),
            "xrt": fake.xrt,
            "wait_seconds": wait,
        }
    )
    end = start.get("steps", start.get("seconds", math.inf) * rate)
    told = 0.0
    clock = asyncio.get_running_loop().time
    begun, first = clock(), voices[0].made
    while not all(voice.is_done for voice in voices):
        for index, voice in enumerate(voices):
            room = voice.heard + ahead * rate - voice.made
            due = first + max(1, rate * PIECE_SECONDS) + (clock() - begun) * rate * fake.xrt
            n = int(min(due - voice.made, max(1, 0.2 * rate), room, end - voice.made))
            if n < 1 or voice.is_done or voice.is_paused:
                continue
            kind = 1 if fake.kind == "samples" else 2
            head = struct.pack("<BBHIQ", kind, index, 0, n, voice.made)
            await socket.send_bytes(head + voice.payload(fake, n))
            voice.made += n
            if voice.made >= end:
                voice.is_done = True
                done = {"voice": index, "steps": voice.made, "reason": "finished"}
                await socket.send_json({"type": "done", **done})
        if clock() - told > 0.5:
            told = clock()
            await socket.send_json(
                {"type": "stats", "voices": [], "xrt": fake.xrt, "listeners": 1, "queued": 0}
            )
        await asyncio.sleep(PIECE_SECONDS / max(1, fake.xrt))


async def models(_: Request) -> Response:
    rows = [fake.described(name) for name, fake in MODELS.items()]
    return JSONResponse({"object": "list", "data": rows})


async def uploads(request: Request) -> Response:
    content = await request.body()
    if not content.startswith(b"RIFF"):
        message = "the prime is no WAV file; give one that is"
        return JSONResponse({"error": {"message": message}}, 415)
    return JSONResponse({"id": "prime0", "seconds": 0.5, "expires_s": 600})


async def stats(request: Request) -> Response:
    playing: Playing = request.app.state.playing
    return JSONResponse({"listeners": playing.listeners, "messages": playing.messages})


async def page_file(request: Request) -> Response:
    found = page.files().get(request.url.path)
    if found is None:
        return Response(status_code=404)
    return Response(found.content, media_type=found.media_type, headers=dict(page.HEADERS))


def application() -> Starlette:
    """The server, for uvicorn."""
    app = Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/uploads", uploads, methods=["POST"]),
            Route("/stats", stats),
            WebSocketRoute("/v1/stream", stream),
            Route("/{path:path}", page_file),
        ]
    )
    app.state.playing = Playing()
    return app


if __name__ == "__main__":
    uvicorn.run(application(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
