"""What Prometheus sees of deployments, well or not, as the series of a test of `promtool`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCRAPES = 80
SECONDS = 30
"""Between two scrapes, and between two evaluations of the rules."""
ALWAYS = f"x{SCRAPES}"
LEADER, STAND_BY = "one:8080", "two:8080"
ELECTED = 'choria_asyncjobs_election_leader{election="task_scheduler"}'
STANDING_BY = 'ajsync_schedulers{role="stand-by"}'
LATE = "ajsync_scheduler_lateness_seconds_bucket"
ERRORS = 'choria_asyncjobs_task_scheduler_schedule_error_count{queue="EMAIL",type="email:new"}'
GONE = "1x9 stale"
"""Values of a target that goes away after five minutes."""

HEALTHY: Mapping[str, tuple[str, str]] = {
    "up": ("1+0", "1+0"),
    'ajsync_build_info{version="0.1.0"}': ("1+0", "1+0"),
    "ajsync_scheduler_ready": ("1+0", "1+0"),
    ELECTED: ("1+0", "0+0"),
    STANDING_BY: ("1+0", "1+0"),
    'ajsync_scheduler_takeovers_total{kind="vacant"}': ("1+0", "0+0"),
    'ajsync_scheduler_takeovers_total{kind="silent"}': ("0+0", "0+0"),
    "ajsync_scheduler_watermark_age_seconds": ("0.4+0", "0.6+0"),
    "ajsync_scheduler_watermark_ahead_seconds": ("0+0", "0+0"),
    "ajsync_scheduler_clock_skew_seconds": ("0.01+0", "-0.01+0"),
    "ajsync_scheduler_open_fires": ("0+0", "0+0"),
    f'{LATE}{{le="0.01"}}': ("0+100", "0+0"),
    f'{LATE}{{le="10"}}': ("0+100", "0+0"),
    f'{LATE}{{le="+Inf"}}': ("0+100", "0+0"),
    'ajsync_scheduler_missed_total{reason="deadline"}': ("3+0", "0+0"),
    'ajsync_scheduler_missed_total{reason="unstored"}': ("0+0", "0+0"),
    'ajsync_scheduler_missed_total{reason="catchup"}': ("0+1", "0+0"),
    'ajsync_scheduler_missed_total{reason="overlap"}': ("0+1", "0+0"),
    ERRORS: ("2+0", "0+0"),
    "ajsync_scheduler_invalid_schedules": ("0+0", "0+0"),
    "ajsync_schedules_failing": ("0+0", "0+0"),
    "ajsync_schedules_overdue": ("0+0", "0+0"),
}
"""The values of the leader and of its stand-by. What a schedule asks for, such as to let fires go, is no trouble."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The schedulers of one election."""

    job: str
    namespace: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What tells its series from those of others."""
        return {"job": self.job, **({"namespace": self.namespace} if self.namespace else {})}

    def series(self, changes: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
        """Its series, with the values of some of them changed, for the leader and the stand-by."""
        return [
            {"series": _named(name, {**self.labels, "instance": instance}), "values": _values(given)}
            for name, both in {**HEALTHY, **changes}.items()
            for instance, given in zip((LEADER, STAND_BY), both, strict=True)
            if given
        ]


def promtool_test(
    series: list[dict[str, str]], at: str, expected: Mapping[str, list[dict[str, str]]], title: str
) -> dict[str, Any]:
    """A test that at an instant exactly these alerts fire, by their names, and no other of those that are named."""
    return {
        "name": title,
        "interval": f"{SECONDS}s",
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": at, "alertname": name, "exp_alerts": [{"exp_labels": labels} for labels in found]}
            for name, found in expected.items()
        ],
    }


def _named(name: str, labels: Mapping[str, str]) -> str:
    head, _, own = name.rstrip("}").partition("{")
    pairs = [own] if own else []
    pairs += [f'{label}="{value}"' for label, value in labels.items() if f"{label}=" not in own]
    return f"{head}{{{','.join(pairs)}}}"


def _values(given: str) -> str:
    """A short text of one start and step goes on all the time."""
    return given if " " in given or given == "_" else f"{given}{ALWAYS}"
