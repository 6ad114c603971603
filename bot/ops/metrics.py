"""`GET /metrics`: what goes on, in numbers, for Prometheus. Anyone on the port may read it: it names nobody.

`prometheus_client` writes the format and tells of the process. It is imported where somebody asks for the
first time: a start does not wait for it, nor does who never asks.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from bot.domain.watched.measures import Spread
from bot.ops.server import Request, Response, Route

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

PATH = "/metrics"
FRESH = 1.0  # seconds that an answer is given again: whoever asks more often takes nobody's time
TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """One name: what it counts, and its values by those of its labels.

    A counter's name ends in `_total`. Values of labels are few and known beforehand, and never of a customer.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    tells: str
    values: Mapping[tuple[str, ...], float | Spread]
    labels: tuple[str, ...] = ()


def metrics(read: Callable[[], Awaitable[Sequence[Family]]], monotonic: Callable[[], float]) -> Route:
    """What answers on `PATH`."""
    written: tuple[float, bytes] | None = None
    asking = asyncio.Lock()

    async def answer(_request: Request) -> Response:
        nonlocal written
        async with asking:
            if written is None or monotonic() - written[0] >= FRESH:
                families = await read()
                written = monotonic(), await asyncio.to_thread(text, families)
        return Response(HTTPStatus.OK, written[1], TYPE)

    return Route(answer)


def counted(route: Route, by: str, counts: Counter[tuple[str, str]]) -> Route:
    """The same, and `counts` has how often what was answered to whom is told by (a source, a gateway)."""

    async def answer(request: Request) -> Response:
        response = await route.answer(request)
        counts[by, str(response.status.value)] += 1
        return response

    def too_large() -> None:
        route.too_large()
        counts[by, str(HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value)] += 1

    return replace(route, answer=answer, too_large=too_large)


def text(families: Sequence[Family]) -> bytes:
    """All of them, and what the library says of the process, in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - see above

    class Told:
        def collect(self) -> Iterator["Metric"]:
            yield from map(_metric, families)
            for collector in _of_the_process():
                yield from collector.collect()

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told())
    return generate_latest(registry)


@cache
def _of_the_process() -> tuple["Collector", ...]:
    from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector  # noqa: PLC0415

    none = CollectorRegistry()
    return ProcessCollector(registry=none), GCCollector(registry=none)


def _metric(family: Family) -> "Metric":
    from prometheus_client.metrics_core import (  # noqa: PLC0415
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.tells, labels=family.labels)
        for labels, value in family.values.items():
            if isinstance(value, Spread):
                histogram.add_metric(labels, list(_buckets(value)), value.seconds)
        return histogram
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = made(family.name, family.tells, labels=family.labels)
    for labels, value in family.values.items():
        if not isinstance(value, Spread):
            metric.add_metric(labels, value)
    return metric


def _buckets(spread: Spread) -> Iterator[tuple[str, float]]:
    """How many took no longer than each limit, the last of which is none."""
    bounds = (*map(str, spread.bounds), "+Inf")
    return zip(bounds, map(float, accumulate(spread.counts)), strict=True)
