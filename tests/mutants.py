"""`make mutants`: change the pure modules in small ways, and see whether a test notices each change.

`[tool.mutants]` in pyproject.toml says which modules are changed, and which tests have to notice. mutmut works on a
copy, so the work tree stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
KILLED = frozenset(("killed", "timeout", "caught by type check"))
"""What mutmut says of a mutant that did not get through."""
_NAME_OF_A_MUTANT = "__mutmut_"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function."""

    name: str
    """Its name for mutmut: module, function and number."""
    status: str

    @property
    def lives(self) -> bool:
        """Whether no test noticed it."""
        return self.status not in KILLED


def read_plan(root: Path = ROOT) -> dict[str, tuple[str, ...]]:
    """The modules to change, and for each the tests that have to notice."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["mutants"]["tests"]
    plan: dict[str, tuple[str, ...]] = {}
    for pattern, tests in settings.items():
        modules = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
        if not modules:
            raise SystemExit(f"pyproject.toml, [tool.mutants.tests]: no module is called {pattern}")
        missing = [test for test in tests if not (root / test).exists()]
        if missing:
            raise SystemExit(f"pyproject.toml, [tool.mutants.tests]: there is no {missing[0]}")
        plan |= {module: tuple(tests) for module in modules if Path(module).name != "__init__.py"}
    return plan


def grouped(plan: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """The modules that the same tests belong to, which are changed in one run."""
    for tests in dict.fromkeys(plan.values()):
        yield [module for module, own in plan.items() if own == tests], tests


def run(modules: Sequence[str], tests: Sequence[str], children: int) -> tuple[list[Mutant], dict[str, str]]:
    """Change these modules in every way that mutmut knows: all mutants, and what was changed in those that live."""
    with tempfile.TemporaryDirectory(prefix="ajsync-mutants-") as scratch:
        folder = Path(scratch)
        _copy(folder)
        with (folder / "pyproject.toml").open("a") as settings:
            settings.write(_settings(modules, tests))
        ended = _mutmut(folder, "run", "--max-children", str(children), stdout=folder / "log")
        if ended.returncode:
            log = (folder / "log").read_text().splitlines()
            raise SystemExit("mutmut could not run:\n" + "\n".join(log[-30:]))
        mutants = sorted(_parse(_mutmut(folder, "results", "--all", "true").stdout), key=lambda mutant: mutant.name)
        diffs = {mutant.name: _mutmut(folder, "show", mutant.name).stdout for mutant in mutants if mutant.lives}
        return mutants, diffs


def report(modules: Iterable[str], mutants: Sequence[Mutant]) -> str:
    """How many mutants of each module were killed, and how many live."""
    lines = [f"{'module':50} {'killed':>7} {'lives':>6} {'killed':>8}"]
    for module in [*modules, "all"]:
        prefix = "" if module == "all" else module.removesuffix(".py").replace("/", ".") + "."
        # Functions are called x_NAME or xǁCLASSǁNAME, so the module ends at the last dot.
        own = [mutant for mutant in mutants if not prefix or mutant.name.rpartition(".")[0] + "." == prefix]
        lives = Counter(mutant.lives for mutant in own)
        share = f"{lives[False] / len(own):8.1%}" if own else "        "
        lines.append(f"{module:50} {lives[False]:7} {lives[True]:6} {share}")
    return "\n".join(lines)


def main() -> None:
    """Run what the arguments ask for, and print figures and survivors."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("module", nargs="?", help="one module, such as ajsync/schedule/duration.py")
    parser.add_argument("--children", type=int, default=os.cpu_count(), help="how many mutants are run at once")
    arguments = parser.parse_args()
    plan = read_plan()
    if arguments.module:
        if arguments.module not in plan:
            raise SystemExit(f"{arguments.module} has no line in [tool.mutants.tests] of pyproject.toml")
        plan = {arguments.module: plan[arguments.module]}
    mutants: list[Mutant] = []
    for modules, tests in grouped(plan):
        print(f"{', '.join(modules)}: {', '.join(tests)}", flush=True)
        found, diffs = run(modules, tests, arguments.children)
        mutants += found
        print("\n".join(diffs.values()), flush=True)
    print(report(plan, mutants))


def _copy(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _settings(modules: Sequence[str], tests: Sequence[str]) -> str:
    """The settings of mutmut in TOML, where lists of plain strings look as in JSON."""
    beside = sorted({path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - {"ajsync", "tests"})
    return "\n".join(
        (
            "[tool.mutmut]",
            'source_paths = ["ajsync"]',
            f"only_mutate = {json.dumps(list(modules))}",
            f"also_copy = {json.dumps(beside)}",
            'pytest_add_cli_args = ["--hypothesis-profile=mutants"]',
            f"pytest_add_cli_args_test_selection = {json.dumps(list(tests))}",
            "",
        )
    )


def _mutmut(folder: Path, *arguments: str, stdout: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "mutmut"), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if stdout is None:
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    with stdout.open("w") as log:
        return subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True)


def _parse(results: str) -> Iterator[Mutant]:
    for line in results.splitlines():
        name, _, status = line.strip().partition(": ")
        if _NAME_OF_A_MUTANT in name:
            yield Mutant(name, status)


if __name__ == "__main__":
    main()
