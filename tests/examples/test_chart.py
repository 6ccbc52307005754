"""The Helm chart: its values, the objects it makes, and what helm says of it where there is a helm."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from ajsync.config import load_configuration
from ajsync.version import __version__
from tests.examples.chart import CHART, RELEASE, render, render_texts, values
from tests.examples.commands import parse

HELM = shutil.which("helm")
EVERYTHING = {
    "environment": "prod",
    "bucket": {"create": True, "replicas": 3},
    "extraArgs": ["--takeover-after=5s"],
    "extraEnv": [{"name": "NATS_PASSWORD", "value": "s3cret"}],
    "extraVolumes": [{"name": "seed", "secret": {"secretName": "seed"}}],
    "extraVolumeMounts": [{"name": "seed", "mountPath": "/seed"}],
    "serviceMonitor": {"enabled": True, "interval": "15s", "labels": {"release": "prometheus"}},
    "podAnnotations": {"example.net/note": "yes"},
    "podLabels": {"team": "mail"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "priorityClassName": "high",
    "image": {"repository": "registry/ajsync", "tag": "1", "pullPolicy": "Always", "pullSecrets": [{"name": "pull"}]},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": EVERYTHING,
    "map-of-others": {"existingConfigMap": "other"},
    "odd-text": {"schedules": {"odd": "  # <indented> & 'quoted' \"twice\"\n  schedules: {}\n"}},
}
VALIDATOR = Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))


def one(kind: str, **changes: Any) -> dict[str, Any]:
    """The one object of a kind that the chart makes."""
    (found,) = (each for each in render(values(**changes)) if each["kind"] == kind)
    return found


def pod(**changes: Any) -> dict[str, Any]:
    """The pods' specification."""
    spec: dict[str, Any] = one("Deployment", **changes)["spec"]["template"]["spec"]
    return spec


def container(**changes: Any) -> dict[str, Any]:
    (only,) = pod(**changes)["containers"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_schema_takes_the_values(variant: str) -> None:
    Draft7Validator.check_schema(VALIDATOR.schema)
    assert [*VALIDATOR.iter_errors(values(**VARIANTS[variant]))] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"replica": 2},
        {"replicas": 0},
        {"logFormat": "xml"},
        {"nats": {"existingSecret": "", "context": "AJC"}},
        {"project": {"owner": "team", "files": ["*.yaml"]}},
        {"schedules": {"ajsync": "schedules: {}"}},
        {"schedules": {"email.yaml": "schedules: {}"}},
        {"schedules": {"email": {"schedules": {}}}},
    ],
    ids=str,
)
def test_the_schema_refuses_a_mistake(changes: dict[str, Any]) -> None:
    assert [*VALIDATOR.iter_errors(values(**changes))]


def test_the_chart_is_of_this_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_named_labelled_and_of_a_known_kind(variant: str) -> None:
    kinds = {
        "ConfigMap": "v1",
        "Deployment": "apps/v1",
        "PodDisruptionBudget": "policy/v1",
        "Service": "v1",
        "ServiceAccount": "v1",
        "ServiceMonitor": "monitoring.coreos.com/v1",
    }
    objects = render(values(**VARIANTS[variant]))
    for each in objects:
        assert each["apiVersion"] == kinds[each["kind"]]
        assert each["metadata"]["name"] == RELEASE
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE
    left_out = {"ServiceMonitor"} if variant != "everything" else set()
    left_out |= {"ConfigMap"} if variant == "map-of-others" else set()
    assert sorted(each["kind"] for each in objects) == sorted(kinds.keys() - left_out)


def test_everything_selects_the_pods_and_nothing_else() -> None:
    deployment = one("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selector = {"app.kubernetes.io/name": "ajsync", "app.kubernetes.io/instance": RELEASE}
    assert selector.items() <= labels.items()
    spread = pod()["topologySpreadConstraints"][0]
    affinity = pod()["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]
    monitor = one("ServiceMonitor", **EVERYTHING)
    assert [
        deployment["spec"]["selector"]["matchLabels"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        spread["labelSelector"]["matchLabels"],
        affinity["podAffinityTerm"]["labelSelector"]["matchLabels"],
        monitor["spec"]["selector"]["matchLabels"],
    ] == [selector] * 6
    assert selector.items() <= one("Service")["metadata"]["labels"].items()


def test_two_pods_are_kept_apart_and_one_of_them_running() -> None:
    deployment = one("Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_a_pod_has_no_rights_that_it_does_not_need() -> None:
    assert one("ServiceAccount")["automountServiceAccountToken"] is False
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["runAsUser"] == pod()["securityContext"]["fsGroup"] == 65532
    own = container()["securityContext"]
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}


def test_every_mount_has_its_volume_and_no_file_is_mounted_alone() -> None:
    for changes in VARIANTS.values():
        mounts = container(**changes)["volumeMounts"]
        assert {each["name"] for each in mounts} == {each["name"] for each in pod(**changes)["volumes"]}
        assert not any("subPath" in each for each in mounts)
    files = pod(existingConfigMap="other")["volumes"][0]
    assert files["configMap"]["name"] == "other"


def test_context_files_and_ports_are_where_the_command_looks() -> None:
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    environment = {each["name"]: each.get("value") for each in container()["env"]}
    assert mounts["contexts"] == f"{environment['XDG_CONFIG_HOME']}/nats/context"
    options = parse(container()["args"])
    assert str(options["config"]) == f"{mounts['files']}/ajsync.yaml"
    assert options["context"] == "AJC"
    host, _, port = options["monitor"].rpartition(":")
    assert (host, int(port)) == ("0.0.0.0", container()["ports"][0]["containerPort"])
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container()[probe]["httpGet"] == {"path": path, "port": container()["ports"][0]["name"]}
    assert one("Service")["spec"]["ports"][0]["targetPort"] == container()["ports"][0]["name"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_command_follows_the_files_and_schedules_under_the_name_of_its_pod(variant: str) -> None:
    options = parse(container(**VARIANTS[variant])["args"])
    assert (options["watch"], options["yes"], options["scheduler"]) == (True, True, "$(POD_NAME)")
    assert options["create_bucket"] == (variant == "everything")
    assert options["environment"] == ("prod" if variant == "everything" else None)
    assert options["takeover_after"] == (5.0 if variant == "everything" else 1.0)


def test_the_files_of_the_config_map_are_valid(tmp_path: Path) -> None:
    for name, text in one("ConfigMap")["data"].items():
        (tmp_path / name).write_text(text)
    configuration = load_configuration(tmp_path)
    assert (configuration.owner, configuration.context) == ("kubernetes", "AJC")
    assert [*configuration.tasks] == ["EXAMPLE_REPORT"]


def test_a_schedules_file_reaches_the_pod_byte_by_byte() -> None:
    odd = VARIANTS["odd-text"]
    assert one("ConfigMap", **odd)["data"]["odd.yaml"] == odd["schedules"]["odd"]


def test_the_notes_say_what_has_to_be_there() -> None:
    notes = render_texts(values())["NOTES.txt"]
    assert "They need the Secret ajsync-nats with the file AJC.json." in notes
    assert "streams of asyncjobs must exist" in notes
    assert (
        "streams of asyncjobs must exist"
        not in render_texts(values(bucket={"create": True, "replicas": 1}))["NOTES.txt"]
    )


def test_the_page_sets_values_that_the_chart_has() -> None:
    page = (CHART / "README.md").read_text()
    paths = re.findall(r"--set(?:-file)? ([a-zA-Z.]+)=", page)
    assert len(paths) == 7
    for path in paths:
        top, _, below = path.partition(".")
        assert top in values()
        assert top == "schedules" or below in values()[top]
    assert re.findall(r"--from-file=(\S+)", page) == [f"{values()['nats']['context']}.json", "nats.creds"]


def helm(*arguments: str) -> str:
    assert HELM is not None
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.skipif(HELM is None, reason="there is no helm on this machine")
@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_makes_the_same_objects(variant: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(VARIANTS[variant]))
    if variant == "odd-text":  # helm merges maps: the example of the default values would stay
        file.write_text(yaml.safe_dump({"schedules": {**VARIANTS[variant]["schedules"], "example": None}}))
    # The version of Kubernetes that a helm without a cluster takes may be older than the chart allows.
    text = helm("template", RELEASE, str(CHART), "--kube-version", "1.30.0", "--values", str(file))
    made = sorted((each for each in yaml.safe_load_all(text) if each), key=lambda each: str(each["kind"]))
    assert made == sorted(render(values(**VARIANTS[variant])), key=lambda each: str(each["kind"]))


@pytest.mark.skipif(HELM is None, reason="there is no helm on this machine")
def test_helm_finds_nothing_wrong() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))
