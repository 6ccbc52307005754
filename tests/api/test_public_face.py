"""`import ajsync` gives every public name, and costs next to nothing until one is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ajsync
from ajsync import errors


def test_every_public_name_is_there() -> None:
    for name in ajsync.__all__:
        assert getattr(ajsync, name) is not None
    assert set(ajsync.__all__) <= set(dir(ajsync))


def test_type_checkers_see_each_name_where_it_is() -> None:
    tree = ast.parse(Path(ajsync.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(seen) == sorted(ajsync.__all__)
    for name, (module, there) in seen.items():
        assert getattr(ajsync, name) is getattr(sys.modules[module or ""], there)


def test_every_error_is_public() -> None:
    ours = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
    assert ours == {name for name in ajsync.__all__ if name.endswith("Error")}


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        _ = getattr(ajsync, "conect")  # noqa: B009  # mypy knows that it does not exist


def test_importing_it_imports_nothing_else() -> None:
    script = "import sys, ajsync; print(*(name for name in sys.modules if name.startswith(('ajsync.', 'nats'))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "ajsync.version\n"
