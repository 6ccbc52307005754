"""The alerts: each fires on what it is for and on nothing else, for each of several deployments in one Prometheus."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ajsync.scheduler.monitor.metrics import Metrics
from tests.docs.pages import DOCS, headings
from tests.examples.chart import render, values
from tests.examples.commands import EXAMPLES
from tests.examples.deployments import (
    ELECTED,
    ERRORS,
    GONE,
    HEALTHY,
    LATE,
    LEADER,
    STAND_BY,
    STANDING_BY,
    Deployment,
    promtool_test,
)
from tests.examples.expressions import check_expression

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on this machine")
FILE = EXAMPLES / "monitoring" / "alerts.yaml"
(GROUP,) = yaml.safe_load(FILE.read_text())["groups"]
RULES: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUP["rules"]}
DEPLOYMENTS = (Deployment("ajsync", "mail"), Deployment("ajsync", "shop"), Deployment("cron"))
"""Two of one job in different namespaces, as in Kubernetes, and one without a namespace."""
END = "35m"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What becomes of the series of one deployment, and which alerts it raises, with their own labels."""

    title: str
    changes: Mapping[str, Sequence[str]]
    raises: Sequence[tuple[str, Mapping[str, str]]] = ()
    at: str = END


def all_of(first: str, second: str) -> dict[str, tuple[str, str]]:
    """Values for every series, of both instances; an empty text leaves an instance out."""
    return {name: (first or both[0], second or both[1]) for name, both in HEALTHY.items()}


DOWN = {**all_of("", GONE), "up": ("1+0", "1x9 0x70"), STANDING_BY: ("1x9 0x70", GONE)}
ALL_DOWN = {**all_of(GONE, GONE), "up": ("1x9 0x70", "1x9 0x70")}
DIES = {**all_of(GONE, ""), "up": ("1x9 stale", "1+0"), ELECTED: (GONE, "0x10 1x70")}
TROUBLES = [
    Trouble("all is well", {}),
    Trouble("both pods are deleted, and their targets with them", all_of(GONE, GONE), [("AjsyncGone", {})]),
    Trouble(
        "both processes have ended",
        ALL_DOWN,
        [("AjsyncGone", {}), *(("AjsyncSchedulerDown", {"instance": each}) for each in (LEADER, STAND_BY))],
    ),
    Trouble(
        "the stand-by has ended",
        DOWN,
        [("AjsyncSchedulerDown", {"instance": STAND_BY}), ("AjsyncNoStandBy", {})],
    ),
    Trouble(
        "the stand-by was never started", {**all_of("", "_"), STANDING_BY: ("0+0", "_")}, [("AjsyncNoStandBy", {})]
    ),
    Trouble("the stand-by is replaced within four minutes", {STANDING_BY: ("1x60 0x8 1x12", "1x60 0x8 1x12")}),
    Trouble("schedulers may not see one another", {STANDING_BY: ("_", "_")}),
    Trouble("the stand-by is started again within a minute", {"up": ("1+0", "1x66 0x2 1x20")}),
    Trouble("the leader is deleted, and the stand-by takes over", DIES),
    Trouble("another program of the same job is down", {'up{instance="other:9100"}': ("0+0", "")}),
    Trouble(
        "the stand-by is cut off from the server",
        {
            "ajsync_scheduler_ready": ("1+0", "0+0"),
            "ajsync_scheduler_watermark_age_seconds": ("0.4+0", "0+30"),
            "ajsync_scheduler_open_fires": ("0+0", "7+0"),
        },
        [("AjsyncNotReady", {"instance": STAND_BY})],
    ),
    Trouble("a pod is not ready while it starts", {"ajsync_scheduler_ready": ("1+0", "1x66 0x3 1x20")}),
    Trouble("nobody leads", {ELECTED: ("1x10 0x70", "0+0")}, [("AjsyncNoLeader", {})]),
    Trouble("nobody leads in one scrape, while the leadership moves", {ELECTED: ("1x69 0x1 0x20", "0x70 1x20")}),
    Trouble("two deployments share a job", {ELECTED: ("1+0", "1+0")}, [("AjsyncManyLeaders", {})]),
    Trouble("both lead in one scrape, while the leadership moves", {ELECTED: ("1x69 1x1 0x20", "0x69 1x20")}),
    Trouble(
        "the leadership moves every few minutes",
        {'ajsync_scheduler_takeovers_total{kind="silent"}': ("0x40 0+1x5 5x40", "0+0")},
        [("AjsyncLeaderChanges", {})],
        at="28m",
    ),
    Trouble(
        "the leadership moves with an upgrade",
        {'ajsync_scheduler_takeovers_total{kind="silent"}': ("0x40 0+1x2 2x40", "0+0")},
        at="28m",
    ),
    Trouble(
        "the watermark cannot be written",
        {"ajsync_scheduler_watermark_age_seconds": ("0x60 0+30x30", "0x60 0+30x30")},
        [("AjsyncWatermarkOld", {})],
    ),
    Trouble("a takeover after ten seconds", {"ajsync_scheduler_watermark_age_seconds": ("10+0", "10+0")}),
    Trouble(
        "the clock of the leader is fast",
        {
            "ajsync_scheduler_watermark_ahead_seconds": ("7+0", "0+0"),
            "ajsync_scheduler_clock_skew_seconds": ("9+0", "0+0"),
        },
        [("AjsyncWatermarkAhead", {}), ("AjsyncClockWrong", {"instance": LEADER})],
    ),
    Trouble(
        "the clock of the stand-by is slow",
        {"ajsync_scheduler_clock_skew_seconds": ("0+0", "-3+0")},
        [("AjsyncClockWrong", {"instance": STAND_BY})],
    ),
    Trouble(
        "a stream is full", {"ajsync_scheduler_open_fires": ("0x50 9x40", "0x50 9x40")}, [("AjsyncFiresNotStored", {})]
    ),
    Trouble(
        "many fires are under way, and all are stored soon", {"ajsync_scheduler_open_fires": ("0x50 9x8 0x40", "0+0")}
    ),
    Trouble(
        "tasks are made ten seconds late",
        {f'{LATE}{{le="0.01"}}': ("0+90", "0+0"), f'{LATE}{{le="10"}}': ("0+100", "0+0")},
        [("AjsyncFiresLate", {})],
    ),
    Trouble("one fire in a thousand is late", {f'{LATE}{{le="0.01"}}': ("0+99.9", "0+0")}),
    Trouble("nothing is due", {f'{LATE}{{le="{le}"}}': ("0+0", "0+0") for le in ("0.01", "10", "+Inf")}),
    *(
        Trouble(
            f"a fire is missed: {reason}",
            {f'ajsync_scheduler_missed_total{{reason="{reason}"}}': ("0x60 1x20", "0+0")},
            [("AjsyncFiresMissed", {"reason": reason})],
        )
        for reason in ("deadline", "unstored")
    ),
    Trouble("a fire was missed long ago", {'ajsync_scheduler_missed_total{reason="deadline"}': ("0x10 1x70", "0+0")}),
    Trouble(
        "a queue is missing",
        {ERRORS: ("0x60 0+1x20", "0+0")},
        [("AjsyncFiresFailed", {"queue": "EMAIL", "type": "email:new"})],
    ),
    Trouble(
        "somebody has put nonsense into the bucket",
        {"ajsync_scheduler_invalid_schedules": ("2+0", "2+0")},
        [("AjsyncInvalidSchedules", {})],
    ),
    Trouble(
        "the tasks of two schedules fail",
        {"ajsync_schedules_failing": ("0x40 2x40", "0x40 2x40")},
        [("AjsyncSchedulesFailing", {})],
    ),
    Trouble(
        "a task fails and succeeds when it is tried again some minutes later",
        {"ajsync_schedules_failing": ("0x60 1x15 0x40", "0x60 1x15 0x40")},
        at="34m",
    ),
    Trouble(
        "no worker takes the tasks of a schedule",
        {"ajsync_schedules_overdue": ("0x60 1x20", "0x60 1x20")},
        [("AjsyncSchedulesOverdue", {})],
    ),
    Trouble(
        "the stand-by is cut off while schedules fail, and they recover",
        {
            "ajsync_scheduler_ready": ("1+0", "0+0"),
            "ajsync_schedules_failing": ("2x20 0x60", "2+0"),
            "ajsync_schedules_overdue": ("1x20 0x60", "1+0"),
        },
        [("AjsyncNotReady", {"instance": STAND_BY})],
    ),
]


def run_promtool(folder: Path, tests: list[dict[str, Any]], rules: str) -> subprocess.CompletedProcess[str]:
    """Run tests against rules."""
    (folder / "rules.yaml").write_text(rules)
    (folder / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": tests})
    )
    assert PROMTOOL is not None
    return subprocess.run(
        [PROMTOOL, "test", "rules", "tests.yaml"], cwd=folder, capture_output=True, text=True, timeout=120
    )


def silent() -> str:
    """The rules without annotations, whose texts a test would have to repeat."""
    rules = [{**rule, "annotations": {}} for rule in GROUP["rules"]]
    return yaml.safe_dump({"groups": [{**GROUP, "rules": rules}]})


def each_in(trouble: Trouble) -> list[dict[str, Any]]:
    """For one with and one without a namespace, a test that it alone is in trouble, and is told so."""
    tests = []
    for one in (DEPLOYMENTS[0], DEPLOYMENTS[-1]):
        expected: dict[str, list[dict[str, str]]] = {name: [] for name in RULES}
        for name, own in trouble.raises:
            rule = RULES[name]
            expected[name].append({**rule["labels"], **one.labels, **own})
        series = [each for other in DEPLOYMENTS for each in other.series(trouble.changes if other is one else {})]
        tests.append(promtool_test(series, trouble.at, expected, f"{trouble.title} in {one}"))
    return tests


@needs_promtool
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.title)
def test_each_alert_fires_for_the_deployment_in_trouble_and_for_no_other(trouble: Trouble, tmp_path: Path) -> None:
    done = run_promtool(tmp_path, each_in(trouble), silent())
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_an_alert_says_which_deployment_is_in_trouble(tmp_path: Path) -> None:
    tests = []
    for one, told in ((DEPLOYMENTS[0], "ajsync in mail"), (DEPLOYMENTS[-1], "cron")):
        annotations = RULES["AjsyncNoLeader"]["annotations"]
        series = one.series({ELECTED: ("0+0", "0+0")})
        test = promtool_test(series, END, {"AjsyncNoLeader": [{**one.labels, "severity": "critical"}]}, told)
        (expected,) = test["alert_rule_test"][0]["exp_alerts"]
        expected["exp_annotations"] = {**annotations, "summary": f"No scheduler leads in {told}"}
        tests.append(test)
    done = run_promtool(tmp_path, tests, FILE.read_text())
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_a_prometheus_that_never_saw_a_scheduler_says_so(tmp_path: Path) -> None:
    expected: dict[str, list[dict[str, str]]] = {name: [] for name in RULES}
    expected["AjsyncAbsent"] = [{"severity": "critical"}]
    test = promtool_test([{"series": 'up{job="other"}', "values": "1x80"}], END, expected, "nobody")
    done = run_promtool(tmp_path, [test], silent())
    assert done.returncode == 0, done.stdout + done.stderr


def by_name() -> Iterator[tuple[Deployment, dict[str, Any]]]:
    """Deployments, each with the group that names it: as the chart makes it of a release, and as the page shows it."""
    chosen = values(prometheusRule={"enabled": True}, serviceMonitor={"enabled": True})
    objects = {each["kind"]: each for each in render(chosen)}
    release = Deployment(objects["Service"]["metadata"]["name"], "default")
    yield release, objects["PrometheusRule"]["spec"]["groups"][1]
    page = (EXAMPLES / "monitoring" / "README.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(groups:.*?)^```$", page, re.DOTALL | re.MULTILINE)
    yield Deployment("ajsync-mail"), yaml.safe_load(shown)["groups"][0]


@needs_promtool
@pytest.mark.parametrize(("named", "group"), [*by_name()], ids=["release", "page"])
def test_a_rule_with_its_name_misses_a_deployment_that_was_never_scraped(
    named: Deployment, group: dict[str, Any], tmp_path: Path
) -> None:
    (rule,) = group["rules"]
    silenced = yaml.safe_dump({"groups": [{**group, "rules": [{**rule, "annotations": {}}]}]})
    others = [each for other in DEPLOYMENTS for each in other.series({})]
    absent = {rule["alert"]: [{**rule["labels"], **named.labels}]}
    tests = [
        promtool_test(others, END, absent, "it was never scraped"),
        promtool_test([*others, *named.series({})], END, {rule["alert"]: []}, "it is scraped"),
    ]
    done = run_promtool(tmp_path, tests, silenced)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_finds_nothing_wrong() -> None:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "rules", FILE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


def test_each_alert_is_raised_by_some_trouble() -> None:
    assert {name for trouble in TROUBLES for name, _ in trouble.raises} | {"AjsyncAbsent"} == {*RULES}


@pytest.mark.parametrize("name", RULES)
def test_an_alert_looks_at_one_deployment_at_a_time(name: str) -> None:
    expression = RULES[name]["expr"]
    if name == "AjsyncAbsent":  # for a Prometheus without any
        return
    together = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
    assert all({"job", "namespace"} <= {*re.split(", ?", labels)} for labels in together)
    aggregations = re.findall(r"\b(?:sum|min|max|avg|count|group|topk|quantile)\b(?! by \()", expression)
    assert not aggregations
    assert "without" not in expression


@pytest.mark.parametrize("name", RULES)
def test_an_alert_names_metrics_and_labels_that_there_are(name: str) -> None:
    check_expression(RULES[name]["expr"])


def test_counters_of_an_alert_are_there_before_anything_is_counted() -> None:
    metrics = Metrics("a")
    metrics.expect("EMAIL", "email:tick")
    text = metrics.exposition().decode()
    counters = [found for rule in RULES.values() for found in re.findall(r"increase\((\w+)", rule["expr"])]
    assert len(counters) > 2
    for name in counters:
        assert f"\n{name}{{" in text, name


@pytest.mark.parametrize("name", RULES)
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    rule = RULES[name]
    assert {*rule} <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    annotations = rule["annotations"]
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    assert not annotations["summary"].endswith(".")
    assert annotations["description"].endswith(".")
    page, _, anchor = annotations["runbook_url"].partition("#")
    assert page == "https://github.com/OWNER/REPO/blob/main/docs/monitoring.md"
    assert anchor == name.lower()
    assert name in headings(DOCS / "monitoring.md")
