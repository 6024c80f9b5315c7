"""The five hooks: what a plugin may offer. Importing this module imports no torch.

A hook yields specs, which name things and say how to build them; nothing heavy is made to be
listed. Hooks stand at the border: none is called while a model steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from torch import Tensor

    from .domain import Domain
    from .domain_player import DomainPlayer
    from .model import SequenceModel, SequenceSpec

hookspec = pluggy.HookspecMarker("wavegen")
hookimpl = pluggy.HookimplMarker("wavegen")


@dataclass(frozen=True)
class ModelSpec:
    """A model that can be trained and played."""

    name: str
    config: type
    """A frozen dataclass; each field becomes an option `--model.FIELD`."""
    build: Callable[[Any, SequenceSpec], SequenceModel[Any]]
    """Makes the model from a config and from what flows in and out."""
    summary: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Named sets of config values, chosen with `--preset NAME`."""
    trainer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Training settings that suit it, in place of the usual ones and of the domain's."""


@dataclass(frozen=True)
class DomainSpec:
    """A kind of sequence: files to symbols and back."""

    name: str
    config: type
    """A frozen dataclass; each field becomes an option `--domain.FIELD`."""
    build: Callable[[Any], Domain[Any]]
    summary: str = ""
    player: Callable[[Any], DomainPlayer[Any]] | None = None
    """Makes, from the same config and without torch, what plays a program file; None: nothing
    does, and programs of this domain are for other hosts.
    """
    plan: type | None = None
    """A frozen dataclass of what can be asked of a new sequence; each field becomes an option
    `--FIELD` of `sample` and `stream`. `Domain.plan_conditions` makes conditions of it.
    """
    model: str = "wavenet"
    """The model that is trained where none is named."""
    trainer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Training settings that suit its sequences, in place of the usual ones."""


@dataclass(frozen=True)
class FilterSpec:
    """A change to the head's parameters before each value is drawn, such as a scale constraint."""

    name: str
    build: Callable[[], Callable[[Tensor, Tensor, Tensor], Tensor]]
    """Makes a function `(params (B, p), previous event (B, *E), drawn (B, k)) -> params (B, p)`.

    It is applied to each value of an event right before that is drawn; `drawn` holds the values
    already drawn, in drawing order (k = 0 and p = P where a head draws an event at once).
    """
    summary: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened in training or sampling. Besides `step`, each kind has its values:

    started    parameters, lead_in, device, precision, baselines (bits by name), data
    progress   seconds, bits, lr, gradient_norm, samples_per_s
    validated  seconds, bits_valid, bits_train
    sampled    file; audio, its path again, if it is a sound; picture, a path; from
               `wavegen sample` also seed and xrt
    saved      checkpoint, a path
    finished   seconds, bits_train, bits_valid
    """

    kind: str
    values: Mapping[str, Any]
    """JSON values, as they stand in the run's `log.jsonl`; None for what is not known."""


class Observer(ABC):
    """A listener for training and sampling events."""

    @abstractmethod
    def notify(self, event: Event) -> None:
        """Called after the event, never inside a step."""


@dataclass(frozen=True)
class ObserverSpec:
    """A listener that `--observe NAME` switches on."""

    name: str
    build: Callable[[Any], Observer]
    """Makes the observer for a run's folder (a `pathlib.Path`)."""
    summary: str = ""


@hookspec
def wavegen_models() -> Iterable[ModelSpec]:
    """Offer models.

    Example::

        @hookimpl
        def wavegen_models():
            yield ModelSpec("gru", GRUConfig, GRU, "a gated recurrent net")
    """
    raise NotImplementedError


@hookspec
def wavegen_domains() -> Iterable[DomainSpec]:
    """Offer kinds of sequences.

    Example::

        @hookimpl
        def wavegen_domains():
            yield DomainSpec("csv", SeriesConfig, Series, "one-column CSV files")
    """
    raise NotImplementedError


@hookspec
def wavegen_filters() -> Iterable[FilterSpec]:
    """Offer changes to the parameters before each draw.

    Example::

        @hookimpl
        def wavegen_filters():
            yield FilterSpec("even", lambda: forbid_odd_classes, "even classes only")
    """
    raise NotImplementedError


@hookspec
def wavegen_observers() -> Iterable[ObserverSpec]:
    """Offer listeners for training and sampling events.

    Example::

        @hookimpl
        def wavegen_observers():
            yield ObserverSpec("bell", lambda folder: Bell(), "rings when training ends")
    """
    raise NotImplementedError


@hookspec
def wavegen_commands() -> Iterable[click.Command]:
    """Offer commands of the command line.

    Example::

        @hookimpl
        def wavegen_commands():
            yield click.Command("hello", callback=lambda: click.echo("hello"))
    """
    raise NotImplementedError
