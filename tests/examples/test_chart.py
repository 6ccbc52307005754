"""The Helm chart: the objects that it makes of its values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ajsync.config import load_configuration
from ajsync.version import __version__
from tests.examples.chart import CHART, RELEASE, RefusedValuesError, render, render_texts, values
from tests.examples.chart_values import EVERYTHING, FILES, GIT_SYNC, VARIANTS
from tests.examples.commands import EXAMPLES, parse

KINDS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Pod": "v1",
    "PodDisruptionBudget": "policy/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
}
ALWAYS = {"Deployment", "Pod", "PodDisruptionBudget", "Service"}


def one(kind: str, **changes: Any) -> dict[str, Any]:
    """The first object of a kind that the chart makes; of the ConfigMaps that with the files."""
    found = (each for each in render(values(**changes)) if each["kind"] == kind)
    return next(each for each in found if not each["metadata"]["name"].endswith("-dashboard"))


def pod(**changes: Any) -> dict[str, Any]:
    """The pods' specification."""
    spec: dict[str, Any] = one("Deployment", **changes)["spec"]["template"]["spec"]
    return spec


def container(**changes: Any) -> dict[str, Any]:
    """The container of ajsync, which is the first, so that `kubectl logs` shows it."""
    first: dict[str, Any] = pod(**changes)["containers"][0]
    assert first["name"] == "ajsync"
    return first


def test_the_chart_is_of_this_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_labelled_and_of_a_known_kind(variant: str) -> None:
    objects = render(values(**VARIANTS[variant]))
    for each in objects:
        assert each["apiVersion"] == KINDS[each["kind"]]
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE
    kinds = {each["kind"] for each in objects}
    assert kinds == {*KINDS} if variant == "everything" else kinds >= ALWAYS
    assert len({(each["kind"], each["metadata"]["name"]) for each in objects}) == len(objects)


def test_what_is_for_few_is_off_until_it_is_wanted() -> None:
    assert {each["kind"] for each in render(values())} == {*ALWAYS, "ServiceAccount"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, f"{RELEASE}-ajsync"),
        ({"nameOverride": "cron"}, f"{RELEASE}-cron"),
        ({"nameOverride": "emo"}, RELEASE),
        ({"fullnameOverride": "night-shift"}, "night-shift"),
        ({"nameOverride": "a" * 57 + "-" + "b" * 5}, f"{RELEASE}-" + "a" * 57),
    ],
)
def test_objects_have_the_name_of_the_release_and_of_the_chart(changes: dict[str, Any], name: str) -> None:
    everything = {**EVERYTHING, "serviceAccount": {}, **changes}
    names = {each["metadata"]["name"] for each in render(values(**everything))}
    assert names == {name, f"{name}-dashboard", f"{name}-test"}
    assert pod(**everything)["serviceAccountName"] == name


@pytest.mark.parametrize(
    ("account", "made", "name"),
    [
        ({}, True, f"{RELEASE}-ajsync"),
        ({"name": "mine"}, True, "mine"),
        ({"create": False}, False, "default"),
        ({"create": False, "name": "other"}, False, "other"),
    ],
)
def test_the_pods_have_the_service_account_that_is_asked_for(account: dict[str, Any], made: bool, name: str) -> None:
    objects = {each["kind"]: each for each in render(values(serviceAccount=account))}
    assert objects["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == name
    assert objects["Pod"]["spec"]["serviceAccountName"] == name
    assert ("ServiceAccount" in objects) == made
    if made:
        assert objects["ServiceAccount"]["metadata"]["name"] == name
        assert objects["ServiceAccount"]["automountServiceAccountToken"] is False


def test_everything_selects_the_pods_and_nothing_else() -> None:
    deployment = one("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selector = {"app.kubernetes.io/name": "ajsync", "app.kubernetes.io/instance": RELEASE}
    assert selector.items() <= labels.items()
    assert (
        one("Deployment", **EVERYTHING)["spec"]["template"]["metadata"]["annotations"] == EVERYTHING["podAnnotations"]
    )
    spread = pod()["topologySpreadConstraints"][0]
    affinity = pod()["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]
    assert affinity["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert [
        deployment["spec"]["selector"]["matchLabels"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        spread["labelSelector"]["matchLabels"],
        affinity["podAffinityTerm"]["labelSelector"]["matchLabels"],
        one("ServiceMonitor", **EVERYTHING)["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy", **EVERYTHING)["spec"]["podSelector"]["matchLabels"],
    ] == [selector] * 7
    assert selector.items() <= one("Service")["metadata"]["labels"].items()
    assert not selector.items() <= one("Pod")["metadata"]["labels"].items()


def test_two_pods_are_kept_apart_and_one_of_them_running() -> None:
    deployment = one("Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert pod(**EVERYTHING)["affinity"] == EVERYTHING["affinity"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_container_has_no_rights_that_it_does_not_need(variant: str) -> None:
    scheduler, test = pod(**VARIANTS[variant]), one("Pod", **VARIANTS[variant])["spec"]
    assert test["securityContext"] == scheduler["securityContext"]
    for spec in (scheduler, test):
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    ours = [scheduler["containers"][0], test["containers"][0]]
    theirs = [*scheduler["initContainers"], scheduler["containers"][1]] if variant == "git-sync" else []
    for each in (*ours, *theirs):
        own = each["securityContext"]
        assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
        assert own["capabilities"] == {"drop": ["ALL"]}


def test_the_user_is_fixed_except_on_openshift() -> None:
    fixed = {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}
    assert fixed.items() <= pod()["securityContext"].items()
    assert not fixed.keys() & pod(openshift=True)["securityContext"].keys()
    assert pod(podSecurityContext={"fsGroup": 7})["securityContext"]["fsGroup"] == 7


def test_the_image_is_that_of_the_release_another_tag_or_a_digest() -> None:
    digest = f"sha256:{'0a' * 32}"
    for changes, image in (
        ({}, f"ajsync:{__version__}"),
        ({"repository": "registry/ajsync", "tag": "1"}, "registry/ajsync:1"),
        ({"tag": "1", "digest": digest}, f"ajsync@{digest}"),
    ):
        assert container(image=changes)["image"] == image
        assert one("Pod", image=changes)["spec"]["containers"][0]["image"] == image


def test_the_pages_name_the_image_and_the_chart_of_this_release() -> None:
    for page in (CHART / "README.md", EXAMPLES.parent / "docs" / "deployment.md"):
        tags = re.findall(r"docker build --tag (?:REGISTRY/)?(\S+) \.", page.read_text())
        assert tags == [container()["image"]], page
    assert re.findall(r"version: (\S+)", (CHART / "README.md").read_text()) == [__version__, __version__]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_mount_has_its_volume_and_no_file_is_mounted_alone(variant: str) -> None:
    spec = pod(**VARIANTS[variant])
    mounts = [
        mount
        for each in (*spec["containers"], *spec.get("initContainers", ()))
        for mount in each.get("volumeMounts", ())
    ]
    assert {each["name"] for each in mounts} == {each["name"] for each in spec["volumes"]}
    assert not any("subPath" in each for each in mounts)


def test_context_and_ports_are_where_the_command_looks() -> None:
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    environment = {each["name"]: each.get("value") for each in container()["env"]}
    assert mounts["contexts"] == f"{environment['XDG_CONFIG_HOME']}/nats/context"
    options = parse(container()["args"])
    assert options["context"] == "AJC"
    host, _, port = options["monitor"].rpartition(":")
    assert (host, int(port)) == ("*", container()["ports"][0]["containerPort"])
    name = container()["ports"][0]["name"]
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container()[probe]["httpGet"] == {"path": path, "port": name}
    (service,) = one("Service")["spec"]["ports"]
    assert service["targetPort"] == name
    assert one("ServiceMonitor", **EVERYTHING)["spec"]["endpoints"][0]["port"] == service["name"]
    assert one("NetworkPolicy", **EVERYTHING)["spec"]["ingress"][0]["ports"] == [{"port": name}]
    url = f"http://{one('Service')['metadata']['name']}:{service['port']}/readyz"
    assert one("Pod")["spec"]["containers"][0]["command"][-1] == url


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_command_schedules_under_the_name_of_its_pod_and_follows_the_files_if_there_are_any(variant: str) -> None:
    name, *_ = arguments = container(**VARIANTS[variant])["args"]
    options, everything = parse(arguments), variant == "everything"
    assert options["takeover_after"] == (5.0 if everything else 1.0)
    assert options["metrics_per_schedule"] == everything
    assert ("--replicas=3" in arguments) == everything
    if name == "scheduler":
        assert options["name"] == "$(POD_NAME)"
        return
    assert variant in ("files", "everything", "map-of-others", "git-sync", "odd-text")
    assert (name, options["scheduler"]) == ("apply", "$(POD_NAME)")
    assert (options["watch"], options["yes"]) == (True, True)
    assert options["create_bucket"] == everything
    assert options["environment"] == ("prod" if everything else None)


def test_the_files_are_those_of_one_place() -> None:
    mount = {"name": "files", "mountPath": "/etc/ajsync", "readOnly": True}
    for changes, volume in (
        (FILES, {"name": "files", "configMap": {"name": f"{RELEASE}-ajsync"}}),
        ({"existingConfigMap": "other"}, {"name": "files", "configMap": {"name": "other"}}),
    ):
        assert mount in container(**changes)["volumeMounts"]
        assert volume in pod(**changes)["volumes"]
        assert str(parse(container(**changes)["args"])["config"]) == "/etc/ajsync/ajsync.yaml"
    assert "files" not in {each["name"] for changes in ({}, GIT_SYNC) for each in pod(**changes)["volumes"]}
    for changes in (
        {**FILES, "existingConfigMap": "other"},
        {**FILES, "configFile": "/git/current/ajsync.yaml"},
        {"existingConfigMap": "other", "configFile": "/git/current/ajsync.yaml"},
    ):
        with pytest.raises(RefusedValuesError, match="three places for the files"):
            render(values(**changes))


def test_who_owns_the_schedules_has_to_be_said() -> None:
    with pytest.raises(RefusedValuesError, match=r"project\.owner is missing"):
        render(values(schedules=FILES["schedules"]))


def test_the_files_of_the_config_map_are_valid(tmp_path: Path) -> None:
    for name, text in one("ConfigMap", **FILES)["data"].items():
        (tmp_path / name).write_text(text)
    configuration = load_configuration(tmp_path)
    assert (configuration.owner, configuration.context) == ("my-team", "AJC")
    assert [*configuration.tasks] == ["EXAMPLE_REPORT"]


def test_a_schedules_file_reaches_the_pod_byte_by_byte() -> None:
    odd = VARIANTS["odd-text"]
    assert one("ConfigMap", **odd)["data"]["odd.yaml"] == odd["schedules"]["odd"]


def test_alerts_and_dashboard_are_those_for_every_prometheus_and_grafana() -> None:
    monitoring = EXAMPLES / "monitoring"
    (group,) = yaml.safe_load((monitoring / "alerts.yaml").read_text())["groups"]
    groups = one("PrometheusRule", **EVERYTHING)["spec"]["groups"]
    assert groups[0] == group
    (own,) = groups[1:]
    assert (own["name"], [rule["alert"] for rule in own["rules"]]) == (f"{RELEASE}-ajsync", ["AjsyncAbsent"])
    assert one("PrometheusRule", prometheusRule={"enabled": True})["spec"]["groups"] == [group]
    (board,) = (each for each in render(values(**EVERYTHING)) if each["metadata"]["name"].endswith("-dashboard"))
    assert json.loads(board["data"]["ajsync.json"]) == json.loads((monitoring / "dashboard.json").read_text())
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert board["metadata"]["annotations"] == EVERYTHING["dashboard"]["annotations"]


def test_a_network_policy_lets_in_who_may_read_the_monitor_and_out_to_nats() -> None:
    everybody = one("NetworkPolicy", networkPolicy={"enabled": True})["spec"]
    assert everybody["policyTypes"] == ["Ingress", "Egress"]
    assert "from" not in everybody["ingress"][0]
    names = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    assert everybody["egress"] == [{"ports": names}, {"ports": [{"port": 4222}]}]
    few = one("NetworkPolicy", **EVERYTHING)["spec"]
    *peers, tester = few["ingress"][0]["from"]
    assert peers == EVERYTHING["networkPolicy"]["monitorFrom"]
    labels = one("Pod", **EVERYTHING)["metadata"]["labels"]
    assert tester["podSelector"]["matchLabels"].items() <= labels.items()
    assert few["egress"][1:] == [
        {"ports": [{"port": 4222}, {"port": 443}], "to": EVERYTHING["networkPolicy"]["natsTo"]},
        *EVERYTHING["networkPolicy"]["extraEgress"],
    ]


def test_the_notes_say_what_has_to_be_there() -> None:
    notes = render_texts(values())["NOTES.txt"]
    assert notes.startswith("2 schedulers fire what is in the bucket.")
    assert "They need the Secret ajsync-nats with the file AJC.json." in notes
    assert "They apply no files." in notes
    assert "streams of asyncjobs should exist" in notes
    assert f"service/{RELEASE}-ajsync 8080" in notes
    notes = render_texts(values(**EVERYTHING))["NOTES.txt"]
    assert notes.startswith("2 schedulers follow /etc/ajsync/ajsync.yaml and the bucket.")
    assert "They apply no files." not in notes
    assert "should exist" not in notes
