"""What Prometheus reads at /metrics; needs the package prometheus-client."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ...pipelines.errors import MissingFiles
from .engines import EngineLink
from .prompts import Open, Prompt

SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1800, 3600)


class Metrics:
    """Counts since the start of this process."""

    def __init__(self) -> None:
        try:
            import prometheus_client as prometheus
        except ImportError as error:
            raise MissingFiles(
                "`fitting-room serve` counts with prometheus-client, which is not installed: "
                "pip install 'comfyui-fitting-room[fleet]'."
            ) from error
        self._prometheus = prometheus
        self.registry = registry = prometheus.CollectorRegistry()
        name = "fitting_room"
        count, gauge = prometheus.Counter, prometheus.Gauge
        self._accepted = count(f"{name}_prompts_accepted", "Prompts taken", registry=registry)
        self._refused = count(
            f"{name}_prompts_refused", "Prompts not taken", ["reason"], registry=registry
        )
        self._ended = count(f"{name}_prompts_ended", "Ends", ["state"], registry=registry)
        self._again = count(
            f"{name}_prompts_again", "Prompts queued again after an engine", registry=registry
        )
        self._webhooks = count(f"{name}_webhooks", "Webhook calls", ["outcome"], registry=registry)
        self._open = gauge(f"{name}_prompts_open", "Prompts now", ["state"], registry=registry)
        self._engines = gauge(f"{name}_engines", "Engines now", ["state"], registry=registry)
        self._sockets = gauge(f"{name}_web_sockets", "Clients connected", registry=registry)
        self._wait = prometheus.Histogram(
            f"{name}_wait_seconds", "From acceptance to begin", buckets=SECONDS, registry=registry
        )
        self._run = prometheus.Histogram(
            f"{name}_run_seconds", "On the engine", buckets=SECONDS, registry=registry
        )

    def accepted(self) -> None:
        self._accepted.inc()

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def again(self) -> None:
        self._again.inc()

    def webhook(self, outcome: str) -> None:
        self._webhooks.labels(outcome).inc()

    def ended(self, prompt: Prompt, state: str, told: Mapping[str, Any]) -> None:
        self._ended.labels(state).inc()
        if prompt.started:
            self._wait.observe((prompt.started - prompt.created).total_seconds())
        start, stop = told.get("execution_start_time"), told.get("execution_end_time")
        if start and stop:
            self._run.observe((stop - start) / 1000)

    def text(
        self, counts: Collection[Open], links: Collection[EngineLink], web_sockets: int
    ) -> bytes:
        """In Prometheus' own format."""
        self._open.labels("queued").set(sum(each.queued for each in counts))
        self._open.labels("running").set(sum(each.running for each in counts))
        self._engines.labels("idle").set(sum(each.up and not each.busy for each in links))
        self._engines.labels("busy").set(sum(each.up and bool(each.busy) for each in links))
        self._engines.labels("down").set(sum(not each.up for each in links))
        self._sockets.set(web_sockets)
        return self._prometheus.generate_latest(self.registry)
