"""What Prometheus reads: listeners, voices, steps, speed, first pieces, refusals."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .refusals import Code
from .served import Models

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FIRST_PIECE = (0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self, models: Models) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Schedulers(models))
        self.listeners = Gauge(
            "wavegen_listeners", "Connections that listen.", registry=self._registry
        )
        self.first_piece = Histogram(
            "wavegen_first_piece_seconds",
            "From a request to its first piece, the time in the queue included.",
            buckets=_FIRST_PIECE,
            registry=self._registry,
        )
        self._refused = Counter(
            "wavegen_refused", "Requests that were refused.", ["reason"], registry=self._registry
        )
        for code in Code:
            self._refused.labels(code.value.name)

    def refused(self, code: Code) -> None:
        """Count one."""
        self._refused.labels(code.value.name).inc()

    def text(self) -> bytes:
        """All of them, as they are now."""
        return generate_latest(self._registry)


class _Schedulers(Collector):
    """Reads the schedulers when it is asked; that plain numbers are a block old does no harm."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterable[Metric]:
        """One sample a model."""
        playing = GaugeMetricFamily("wavegen_voices_playing", "Have a slot.", labels=["model"])
        queued = GaugeMetricFamily("wavegen_voices_queued", "Wait for one.", labels=["model"])
        slots = GaugeMetricFamily("wavegen_slots", "Voices that can play.", labels=["model"])
        xrt = GaugeMetricFamily(
            "wavegen_xrt", "Times real time that each voice could be made.", labels=["model"]
        )
        steps = CounterMetricFamily("wavegen_steps", "Steps made.", labels=["model"])
        ticks = CounterMetricFamily("wavegen_ticks", "Blocks of steps made.", labels=["model"])
        for served in self._models:
            scheduler, labels = served.scheduler, [served.name]
            playing.add_metric(labels, scheduler.n_playing)
            queued.add_metric(labels, scheduler.n_queued)
            slots.add_metric(labels, scheduler.n_slots)
            xrt.add_metric(labels, scheduler.xrt)
            steps.add_metric(labels, scheduler.n_steps_made)
            ticks.add_metric(labels, scheduler.n_blocks)
        return [playing, queued, slots, xrt, steps, ticks]
