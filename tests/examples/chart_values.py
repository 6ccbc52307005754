"""Values for the chart that tests try it with, one set for each way to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.examples.chart import CHART

EXAMPLE = """\
schedules:
  EXAMPLE_REPORT:
    schedule: "0 6 * * mon-fri"
    queue: DEFAULT
    task_type: example:report
    description: A report on every working day
"""
FILES: dict[str, Any] = {"schedules": {"example": EXAMPLE}, "project": {"owner": "my-team"}}
"""The least with which the pods apply files."""
GIT_SYNC: dict[str, Any] = yaml.safe_load((CHART / "values-git-sync.yaml").read_text())
EVERYTHING: dict[str, Any] = {
    **FILES,
    "environment": "prod",
    "bucket": {"create": True, "replicas": 3},
    "takeoverAfter": "5s",
    "metricsPerSchedule": True,
    "extraArgs": ["--grace=10s"],
    "extraEnv": [{"name": "NATS_PASSWORD", "value": "s3cret"}],
    "extraVolumes": [{"name": "seed", "secret": {"secretName": "seed"}}],
    "extraVolumeMounts": [{"name": "seed", "mountPath": "/seed"}],
    "initContainers": [{"name": "first", "image": "first:1"}],
    "extraContainers": [{"name": "beside", "image": "beside:1"}],
    "serviceAccount": {"name": "mine", "annotations": {"example.net/role": "none"}},
    "serviceMonitor": {"enabled": True, "interval": "15s", "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "alerts"}},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Schedules"}},
    "networkPolicy": {
        "enabled": True,
        "monitorFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "natsTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
        "natsPorts": [4222, 443],
        "extraEgress": [{"ports": [{"port": 22}]}],
    },
    "logFormat": "text",
    "resources": {"limits": {"memory": "1Gi"}},
    "terminationGracePeriodSeconds": 45,
    "podAnnotations": {"example.net/note": "yes"},
    "podLabels": {"team": "mail"},
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "priorityClassName": "high",
    "image": {"repository": "registry/ajsync", "tag": "1", "pullPolicy": "Always", "pullSecrets": [{"name": "pull"}]},
}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "files": FILES,
    "everything": EVERYTHING,
    "map-of-others": {"existingConfigMap": "other"},
    "git-sync": GIT_SYNC,
    "odd-text": {**FILES, "schedules": {"odd": "  # <indented> & 'quoted' \"twice\"\n  schedules: {}\n"}},
    "openshift": {"openshift": True},
    "digest": {"image": {"tag": "1", "digest": f"sha256:{'0a' * 32}"}},
    "a-name-for-the-chart": {"nameOverride": "cron"},
    "a-whole-name": {"fullnameOverride": "night-shift", "serviceAccount": {"create": False}},
    "account-of-others": {"serviceAccount": {"create": False, "name": "other"}},
    "open-network": {"networkPolicy": {"enabled": True}},
}
