"""Which of the shipped alerts Prometheus raises if what it has scraped from real schedulers stays as it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml

from tests.examples.commands import EXAMPLES
from tests.examples.deployments import ALWAYS, SECONDS

_SAMPLE = re.compile(r"((?:ajsync|choria)_\w+)(?:\{(.*)\})? (\S+)$")
_AT = "30m"


def check_raised(folder: Path, scraped: Mapping[str, str], dead: Collection[str], expected: Collection[str]) -> None:
    """Check with promtool, if there is one, that exactly these alerts fire.

    `scraped` has what each scheduler has said of itself; those that are `dead` have said nothing since a while.
    """
    promtool = shutil.which("promtool")
    if promtool is None:
        return
    series = [
        {"series": f'up{{job="ajsync",instance="{name}"}}', "values": "1x9 0x70" if name in dead else f"1+0{ALWAYS}"}
        for name in scraped
    ]
    for name, text in scraped.items():
        for found in filter(None, map(_SAMPLE.match, text.splitlines())):
            labels = f'{found[2] + "," if found[2] else ""}job="ajsync",instance="{name}"'
            values = f"{found[3]}x9 stale" if name in dead else f"{found[3]}+0{ALWAYS}"
            series.append({"series": f"{found[1]}{{{labels}}}", "values": values})
    test = {
        "rule_files": [str(EXAMPLES / "monitoring" / "alerts.yaml")],
        "evaluation_interval": f"{SECONDS}s",
        "tests": [
            {
                "interval": f"{SECONDS}s",
                "input_series": series,
                "promql_expr_test": [
                    {
                        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": _AT,
                        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected],
                    }
                ],
            }
        ],
    }
    file = folder / "raised.yaml"
    file.write_text(yaml.safe_dump(test))
    ended = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
