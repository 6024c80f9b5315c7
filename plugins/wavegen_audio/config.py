"""The settings of the audio domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wavegen.config import option
from wavegen.errors import ConfigError
from wavegen.splitting import percent_checks


@dataclass(frozen=True)
class AudioConfig:
    """How recordings become symbols; a checkpoint stores it, so playing undoes what was done."""

    rate_hz: int = option(16_000, "sample rate of the model; files are resampled to it")
    channel: str = option("mix", "mix (mean of all channels), or the number of one, 0 is the first")
    output: Literal["mulaw", "logistics", "gaussian"] = option(
        "mulaw", "mulaw: one of `classes` codes a sample; logistics, gaussian: mixtures of reals"
    )
    classes: int = option(256, "mu-law codes, a power of two")
    levels: int = option(65_536, "equal steps of the quantiser under output=logistics")
    components: int = option(10, "parts of the mixture under output=logistics and gaussian")
    normalise: Literal["none", "peak", "loudness"] = option(
        "none", "peak: each file to -1 dBFS; loudness: its louder parts to -23 dBFS RMS"
    )
    trim_dbfs: float | None = option(
        None, "cut starts and ends that stay below this level, such as -45; none is off"
    )
    cond: Literal["none", "mel"] = option("none", "mel: log-mel frames as per-step condition")
    n_mels: int = option(80, "mel bands under cond=mel")
    n_fft: int = option(1024, "samples of a spectrum under cond=mel")
    hop: int = option(256, "samples between two mel frames under cond=mel")
    label_from: Literal["none", "folder", "csv"] = option(
        "none", "folder: the files' class is their folder; csv: the column `label` of a list"
    )
    labels: tuple[str, ...] = option((), "names of the classes; found in the data where not given")
    valid_percent: float = option(5.0, "share of the files held out for validation")
    test_percent: float = option(5.0, "share of the files held out for the final test")
    split_seed: int = option(0, "another number splits the same files differently")

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        power_of_two = self.classes & (self.classes - 1) == 0
        checks = {
            "rate_hz": (1_000 <= self.rate_hz <= 768_000, "between 1000 and 768000"),
            "channel": (
                self.channel == "mix" or self.channel.isdecimal(),
                "mix, or the number of a channel such as 0",
            ),
            "classes": (
                2 <= self.classes <= 65_536 and power_of_two,
                "a power of two, 2 to 65536",
            ),
            "levels": (2 <= self.levels <= 65_536, "between 2 and 65536"),
            "components": (1 <= self.components <= 100, "between 1 and 100"),
            "trim_dbfs": (
                self.trim_dbfs is None or -120 <= self.trim_dbfs < 0,
                "none (off), or a level from -120 to below 0",
            ),
            "n_mels": (1 <= self.n_mels <= 512, "between 1 and 512"),
            "n_fft": (
                32 <= self.n_fft <= 65_536 and self.n_fft % 2 == 0,
                "an even number, 32 to 65536",
            ),
            "hop": (1 <= self.hop <= self.n_fft, f"between 1 and n_fft = {self.n_fft}"),
            "labels": (
                len(set(self.labels)) == len(self.labels)
                and (not self.labels or self.label_from != "none"),
                "names that differ, together with label_from",
            ),
            **percent_checks(self.valid_percent, self.test_percent),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise ConfigError(f"domain.{name} is {getattr(self, name)!r}; it must be {allowed}")
