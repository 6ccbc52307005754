"""The dashboard for Grafana: it can be imported anywhere, and shows nothing that a scheduler does not say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples.commands import EXAMPLES
from tests.examples.expressions import check_expression

PROMTOOL = shutil.which("promtool")
DASHBOARD: dict[str, Any] = json.loads((EXAMPLES / "monitoring" / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]
TARGETS = [(panel["title"], target["expr"]) for panel in SHOWN for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
OF_A_DEPLOYMENT = 'job=~"$job",namespace=~"$namespace"'


def test_it_can_be_imported_and_finds_its_prometheus() -> None:
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("ajsync", "ajsync")
    assert "id" not in DASHBOARD  # Grafana gives it one
    assert DASHBOARD["schemaVersion"] >= 36
    assert [*VARIABLES] == ["datasource", "job", "namespace"]
    assert (VARIABLES["datasource"]["type"], VARIABLES["datasource"]["query"]) == ("datasource", "prometheus")
    sources = [each["datasource"] for panel in SHOWN for each in (panel, *panel["targets"])]
    assert all(
        each == SOURCE for each in [*sources, VARIABLES["job"]["datasource"], VARIABLES["namespace"]["datasource"]]
    )


def test_it_shows_one_deployment_or_all_of_them() -> None:
    for name in ("job", "namespace"):
        query = VARIABLES[name]["query"]["query"]
        assert re.fullmatch(rf"label_values\(ajsync_build_info(\{{job=~\"\$job\"\}})?, {name}\)", query)
        assert (VARIABLES[name]["multi"], VARIABLES[name]["includeAll"]) == (True, True)
    assert VARIABLES["namespace"]["allValue"] == ".*"  # also none, which series outside Kubernetes have


def test_each_panel_has_a_place_of_its_own_a_title_and_an_explanation() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len(SHOWN) >= 15
    for panel in SHOWN:
        assert panel["type"] in ("stat", "timeseries", "state-timeline")
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    places = [(panel["title"], panel["gridPos"]) for panel in PANELS]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for _, place in places)
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], f"{one} covers {other}"


@pytest.mark.parametrize(("title", "expression"), TARGETS)
def test_a_panel_names_metrics_and_labels_that_there_are(title: str, expression: str) -> None:
    check_expression(expression)
    metrics = re.findall(r"\b(?:ajsync|choria|process)_\w+", expression)
    assert expression.count(f"{{{OF_A_DEPLOYMENT}") == len(metrics), title
    assert {*re.findall(r"\$\w+", expression)} <= {"$job", "$namespace", "$__rate_interval"}


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on this machine")
def test_promtool_can_read_each_expression(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, (_, expression) in enumerate(TARGETS)
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [PROMTOOL, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
