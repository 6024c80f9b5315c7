"""Keys: a signature and a mode, and how people write them."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from wavegen.errors import ConfigError

_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")


class Key(NamedTuple):
    """A key signature: sharps, or flats where negative, and the mode."""

    sharps: int
    mode: Literal["major", "minor"]

    @classmethod
    def named(cls, name: str) -> Key:
        """The key that people write as G, Bb major, F#m or f# minor. Raises `ConfigError`."""
        found = re.fullmatch(r"([a-gA-G][#b]?) ?(m|maj|major|min|minor)?", name.strip())
        if found:
            tonic, word = found[1][0].upper() + found[1][1:], found[2] or "major"
            minor = word in ("m", "min", "minor")
            names = _MINOR if minor else _MAJOR
            if tonic in names:
                return cls(names.index(tonic) - 7, "minor" if minor else "major")
        raise ConfigError(f"{name!r} is no key; write it like G, Bb or F#m")

    @property
    def name(self) -> str:
        """As MIDI libraries write it: Bb, F#m."""
        if self.mode == "major":
            return _MAJOR[self.sharps + 7]
        return f"{_MINOR[self.sharps + 7]}m"

    def transposed(self, semitones: int) -> Key:
        """The key so much higher, spelled with the fewest accidentals (-5 to 6)."""
        if semitones % 12 == 0:
            return self
        return Key((self.sharps + 7 * semitones + 5) % 12 - 5, self.mode)
