"""The Helm chart in the real tools: helm, the schemas of Kubernetes, promtool. Without its tool a test is skipped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ajsync.version import __version__
from tests.examples.chart import CHART, RELEASE, render, values
from tests.examples.chart_values import EVERYTHING, FILES, VARIANTS
from tests.examples.commands import ROOT
from tests.git.repositories import git, repository

HELM = shutil.which("helm")
PROMTOOL = shutil.which("promtool")
needs_helm = pytest.mark.skipif(HELM is None, reason="there is no helm on this machine")
KUBERNETES = "1.30.0"
"""The version that a helm without a cluster takes by itself may be older than the chart allows."""


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run helm to its end."""
    assert HELM is not None
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, timeout=120)


def template(chart: Path, release: str, changes: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The objects that helm makes of a chart."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(dict(changes)))
    done = helm("template", release, chart, "--kube-version", KUBERNETES, "--values", file)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def key(each: Mapping[str, Any]) -> tuple[str, str]:
    """What there is only one of in a namespace."""
    return each["kind"], each["metadata"]["name"]


@needs_helm
@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_makes_the_same_objects(variant: str, tmp_path: Path) -> None:
    made = template(CHART, RELEASE, VARIANTS[variant], tmp_path)
    assert sorted(made, key=key) == sorted(render(values(**VARIANTS[variant])), key=key)


@needs_helm
@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_finds_nothing_wrong(variant: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(dict(VARIANTS[variant])))
    done = helm("lint", "--strict", CHART, "--kube-version", KUBERNETES, "--values", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout


@needs_helm
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"replica": 3}, "replica"),
        ({"schedules": FILES["schedules"]}, r"project\.owner is missing"),
        ({**FILES, "existingConfigMap": "other"}, "three places for the files"),
    ],
    ids=str,
)
def test_helm_refuses_a_mistake(changes: dict[str, Any], problem: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(changes))
    done = helm("template", RELEASE, CHART, "--kube-version", KUBERNETES, "--values", file)
    assert done.returncode != 0
    assert re.search(problem, done.stderr)


@needs_helm
def test_the_chart_is_packaged_with_its_alerts_and_dashboard(tmp_path: Path) -> None:
    assert helm("package", CHART, "--destination", tmp_path).returncode == 0
    (package,) = tmp_path.glob("ajsync-*.tgz")
    made = template(package, RELEASE, EVERYTHING, tmp_path)
    assert sorted(made, key=key) == sorted(render(values(**EVERYTHING)), key=key)


@needs_helm
@pytest.mark.skipif(sys.platform != "linux", reason="the release workflow runs on Linux, with its sed")
def test_a_release_publishes_a_chart_that_runs_its_image_where_the_page_says(tmp_path: Path) -> None:
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]["chart"]["steps"]
    *scripts, push = (step["run"] for step in steps if "run" in step)
    shutil.copytree(CHART, tmp_path / "examples" / "kubernetes")
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    git(repository(tmp_path), "add", "--all", ".")
    environment = {**os.environ, "GITHUB_REPOSITORY": "Team/Ajsync"}
    for script in scripts:
        subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    (package,) = tmp_path.glob("ajsync-*.tgz")
    assert package.name == f"ajsync-{__version__}.tgz"
    made = {each["kind"]: each for each in template(package, RELEASE, {"prometheusRule": {"enabled": True}}, tmp_path)}
    image = made["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"ghcr.io/team/ajsync:{__version__}"
    rules = made["PrometheusRule"]["spec"]["groups"][0]["rules"]
    assert all(each["annotations"]["runbook_url"].startswith("https://github.com/Team/Ajsync/") for each in rules)
    page = (CHART / "README.md").read_text()
    (shown,) = re.findall(r"oci://(\S+)/ajsync --version (\S+)", page)
    assert shown == ("ghcr.io/OWNER/REPO/charts", __version__)
    assert "oci://ghcr.io/${GITHUB_REPOSITORY,,}/charts" in push


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A chart that has ours as a dependency under two aliases, as the page shows."""
    (shown,) = re.findall(r"^```yaml\n(dependencies:.*?)^```$", (CHART / "README.md").read_text(), re.DOTALL | re.M)
    chart = tmp_path / "parent"
    shutil.copytree(CHART, chart / "charts" / "ajsync")
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: parent\nversion: 1.0.0\n{shown}")
    return chart


@needs_helm
@pytest.mark.parametrize("release", ["prod", "mail", "mail-shop", "r" * 53])
def test_two_of_the_chart_can_be_in_one_release(release: str, parent: Path, tmp_path: Path) -> None:
    changes = {"mail": {**EVERYTHING, "serviceAccount": {}}, "shop": FILES}
    made = template(parent, release, changes, tmp_path)
    assert not [twice for twice, count in Counter(map(key, made)).items() if count > 1]
    names = {f"{release}-{alias}" for alias in ("mail", "shop")}
    assert {name.removesuffix("-test").removesuffix("-dashboard") for _, name in map(key, made)} == names
    for each in made:
        if each["kind"] == "Service":
            chosen = [other for other in made if is_selected(other, each["spec"]["selector"])]
            assert [key(other) for other in chosen] == [("Deployment", each["metadata"]["name"])]


def is_selected(each: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    """Whether the pods of an object are selected."""
    spec = each["spec"] if each["kind"] == "Deployment" else {"template": each}
    return each["kind"] in ("Deployment", "Pod") and selector.items() <= spec["template"]["metadata"]["labels"].items()


@needs_helm
@pytest.mark.parametrize("enabled", [True, False])
def test_a_dependency_can_be_switched_off(enabled: bool, parent: Path, tmp_path: Path) -> None:
    made = template(parent, "prod", {"mail": {"enabled": enabled}}, tmp_path)
    assert {name for kind, name in map(key, made) if kind == "Deployment"} == (
        {"prod-mail", "prod-shop"} if enabled else {"prod-shop"}
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("newest", [True, False])
def test_kubernetes_knows_every_member_of_each_object(variant: str, newest: bool) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="there are no schemas of Kubernetes on this machine")
    (oldest,) = re.findall(r'kubeVersion: ">=(\d+\.\d+)', (CHART / "Chart.yaml").read_text())
    version = schemas.latest_version() if newest else oldest
    for each in render(values(**VARIANTS[variant])):
        if not each["apiVersion"].startswith("monitoring.coreos.com/"):
            schemas.validate(each, version, strict=True)


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on this machine")
def test_promtool_reads_the_rules_as_prometheus_gets_them(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    (rules,) = (each for each in render(values(**EVERYTHING)) if each["kind"] == "PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
    done = subprocess.run([PROMTOOL, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
