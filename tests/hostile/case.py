"""A hostile input as one small file of YAML: what it is, what it puts where, which commands are run, what must hold.

| Member | Meaning |
|---|---|
| `point`, `about` | which attack it is, and what would happen without the defence |
| `files` | of the checkout, by their paths; `{repeat: TEXT, times: N}` with `before` and `after` for what is long |
| `links` | of the checkout: path → target |
| `stored` | in the bucket, by what is behind `$KV.CHORIA_AJ_CONFIGURATION.`; a text, or as above |
| `consumers` | of the bucket, as configurations |
| `contexts` | NATS contexts in a folder outside of the checkout, by name; `in` says another folder |
| `environment` | variables of the commands |
| `run` | command lines; `action` stands for the GitHub action, `request` for an HTTP request to the monitor,
  `forge FILE BEFORE AFTER` for a change of a saved plan with a new checksum |
| `exit` | the exit code of the last of them, or several that may be |
| `says`, `never` | what its output holds, and must not hold |
| `writes` | how many messages the last command may leave in the bucket |

`{root}` is the folder around everything, with an empty folder `elsewhere`; `{server}` the URL of the server; `{secret}`
a file outside of the checkout whose content nobody may see; `{trace}` a file that code of the checkout would make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

INPUTS = Path(__file__).parent / "inputs"
SECRET = "s3cret-of-another-file"

Content = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One of them."""

    point: str
    about: str
    run: list[str]
    exit: int | list[int]
    files: Mapping[str, Content] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, Content] = field(default_factory=dict)
    consumers: list[Mapping[str, Any]] = field(default_factory=list)
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    writes: int | None = None


def read_case(path: Path) -> Case:
    """Read one; a member that is not known is a TypeError."""
    return Case(**yaml.safe_load(path.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a case are."""

    root: Path
    server: str

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    @property
    def secret(self) -> Path:
        return self.root / "secret"

    @property
    def trace(self) -> Path:
        return self.root / "trace"

    def filled(self, text: str) -> str:
        """A text with the places in it."""
        places = {"root": self.root, "server": self.server, "secret": self.secret, "trace": self.trace}
        for name, value in places.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def content(self, content: Content) -> str:
        """The text of a file, or of a value."""
        if isinstance(content, str):
            return self.filled(content)
        middle = str(content["repeat"])
        repeated = "".join(middle.replace("{n}", str(number)) for number in range(content["times"]))
        return self.filled(f"{content.get('before', '')}{repeated}{content.get('after', '')}")

    def lay_out(self, case: Case) -> None:
        """Make the checkout, and what is around it."""
        self.checkout.mkdir(parents=True)
        (self.root / "elsewhere").mkdir()
        (self.checkout / ".git").mkdir()
        (self.checkout / ".git" / "config").write_text(f"[http]\nextraheader: {SECRET}\n")
        self.secret.write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}: x\n")
        for name, content in case.files.items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.content(content), encoding="utf-8")
        for name, target in case.links.items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(self.filled(target))
