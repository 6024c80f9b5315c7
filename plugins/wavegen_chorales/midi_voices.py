"""Which notes of a MIDI file are which voice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from wavegen.errors import DataError

from .grid import VOICES
from .midi_song import Note, Part, Song
from .voice_names import by_name

Notes = Sequence[Note]
"""Of one voice, in the order in which they begin."""

_FOUR = (
    "four are needed, each with a track or a channel of its own, or four tracks called "
    f"{', '.join(VOICES)}"
)
_KEYS: tuple[Callable[[Part], object], ...] = (
    lambda part: part.track,
    lambda part: part.channel,
    lambda part: (part.track, part.channel),
)


def four_voices(song: Song, name: str) -> list[Notes]:
    """Soprano, alto, tenor, bass: by the names of tracks, else by tracks, channels or both.

    Voices without names are ordered by their mean pitch. Raises `DataError`.
    """
    if (voices := _by_name(song)) is not None:
        return voices
    for key in _KEYS:
        groups = _groups(song.parts, key)
        if len(groups) == 4:
            return sorted(groups, key=lambda notes: -sum(n.pitch for n in notes) / len(notes))
    raise DataError(f"{name}: {_what_there_is(song)}; {_FOUR}")


def one_voice(song: Song, name: str) -> list[Notes]:
    """The only voice, or the soprano of four, and three that are silent. Raises `DataError`."""
    if len(song.parts) == 1:
        return [song.parts[0].notes, [], [], []]
    try:
        soprano = four_voices(song, name)[0]
    except DataError:
        raise DataError(
            f"{name}: {_what_there_is(song)}; a tune is one voice, or the soprano of four"
        ) from None
    if not soprano:
        raise DataError(f"{name}: the soprano has no notes")
    return [soprano, [], [], []]


def _by_name(song: Song) -> list[Notes] | None:
    """The four tracks called like voices, if each name is there once; others do not matter."""
    tracks = by_name(song.names)
    if tracks is None:
        return None
    return [
        sorted(note for part in song.parts if part.track == track for note in part.notes)
        for track in tracks
    ]


def _groups(parts: Sequence[Part], key: Callable[[Part], object]) -> list[Notes]:
    grouped: dict[object, list[Note]] = defaultdict(list)
    for part in parts:
        grouped[key(part)] += part.notes
    return [sorted(notes) for notes in grouped.values()]


def _what_there_is(song: Song) -> str:
    """What stands in the way of four voices."""
    if not song.parts:
        return "has notes of percussion only" if song.percussion else "has no notes"
    voices, tracks, channels = (len(_groups(song.parts, key)) for key in reversed(_KEYS))
    return (
        "has one voice"
        if voices == 1
        else f"has {voices} voices (tracks: {channels}, channels: {tracks})"
    )
