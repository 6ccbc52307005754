"""Certificates for tests of TLS, made with the `openssl` command."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# Python 3.13 checks strictly: without these a chain is refused that OpenSSL alone lets pass.
_AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
_MEMBER = (
    "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName="
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files, all PEM: `ca` has signed `server` (for 127.0.0.1), `elsewhere` and `client`; `other_ca` nothing.

    `locked_key` is the key of `client`, with a passphrase.
    """

    folder: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def tls(self, more: str = "") -> str:
        """The server's configuration."""
        return f'tls {{ cert_file: "{self.server}", key_file: "{self.server_key}", {more} }}'


def make_certificates(folder: Path) -> Certificates:
    """Make them, or skip the test where there is no `openssl`."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command to make certificates with")
    for name in ("ca", "other_ca"):
        _sign(folder, name, _AUTHORITY, ["-signkey", f"{name}_key.pem"])
    for name, hosts in (
        ("server", "IP:127.0.0.1"),
        ("client", "DNS:client"),
        ("elsewhere", "DNS:elsewhere.example.net"),
    ):
        _sign(folder, name, _MEMBER + hosts, ["-CA", "ca.pem", "-CAkey", "ca_key.pem", "-CAcreateserial"])
    locking = ["-in", "client_key.pem", "-out", "locked_key.pem", "-passout", "pass:locked"]
    _openssl(folder, "pkcs8", "-topk8", *locking)
    return Certificates(folder)


def _sign(folder: Path, name: str, extensions: str, authority: list[str]) -> None:
    (folder / "extensions").write_text(extensions)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}_key.pem"]
    _openssl(folder, "req", "-new", *key, "-subj", f"/CN={name}", "-out", "request")
    signed = ["-in", "request", "-days", "2", "-extfile", "extensions", "-out", f"{name}.pem"]
    _openssl(folder, "x509", "-req", *signed, *authority)


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
