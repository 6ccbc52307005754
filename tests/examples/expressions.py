"""What an expression of PromQL may name: metrics and labels that a scheduler has, and that Prometheus adds."""

from __future__ import annotations

import re

from ajsync.scheduler.monitor.metrics import METRICS, MISSED_REASONS, TAKEOVER_KINDS

TARGET = {"job", "namespace", "instance"}
"""Labels that Prometheus adds to every series of a target."""
OF_PROMETHEUS = {"up"}
OF_THE_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
VALUES: dict[str, set[str]] = {"reason": {*MISSED_REASONS}, "kind": {*TAKEOVER_KINDS}, "election": {"task_scheduler"}}
"""The values that the labels of our metrics can have, where they are known."""

_KNOWN = {metric.name: metric for metric in METRICS}
_WORD = re.compile(r"\b((?:ajsync|choria|process)_\w+|up\b)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


def check_expression(expression: str) -> None:
    """Fail if an expression names a metric or a label that there is not, or gets the parentheses wrong."""
    found = _WORD.findall(expression)
    assert found, expression
    allowed = {"le", *TARGET}
    for name, matchers in found:
        metric = _KNOWN.get(name) or _KNOWN.get(name.removesuffix("_bucket"))
        assert metric is not None or name in OF_PROMETHEUS | OF_THE_PROCESS, name
        labels = {*TARGET}
        if metric is not None:
            labels |= {*metric.labels}
            assert (metric.kind == "histogram") == name.endswith("_bucket"), name
            counted = re.search(rf"\b(?:rate|increase)\({name}\b", expression)
            assert bool(counted) == (metric.kind in ("counter", "histogram")), name
        allowed |= labels
        for label, value in _MATCHER.findall(matchers):
            assert label in labels, label
            if label in VALUES and not value.startswith("$"):
                assert {*value.split("|")} <= VALUES[label], value
    for grouped in re.findall(r"\b(?:by|on|ignoring) \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= allowed, grouped
    for left, right in ("()", "{}", "[]"):
        assert expression.count(left) == expression.count(right), expression
