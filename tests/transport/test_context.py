"""Which servers a NATS context names, and as whom."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ajsync.errors import InvalidError, UnreachableError
from ajsync.transport.context import Context, context_folder, context_for_server, list_contexts, load_context
from ajsync.transport.login import login_options

SEED = "SU" + "A" * 56
CREDS = f"-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n{SEED}\n"


@pytest.fixture
def folder(home: Path) -> Path:
    made = home / ".config" / "nats" / "context"
    made.mkdir(parents=True)
    return made


def write(folder: Path, name: str = "AJC", **members: object) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(members))
    return file


def test_a_context_is_read_from_the_folder_of_the_nats_command(folder: Path, home: Path) -> None:
    file = write(folder, "prod", url="nats://n1.example.net:4223, n2.example.net", description="production")
    (home / "x.pem").touch()

    context = load_context("prod")

    assert context == Context(
        servers=("nats://n1.example.net:4223", "nats://n2.example.net:4222"),
        name="prod",
        path=file,
        description="production",
    )
    assert context.api_prefix == "$JS.API."
    assert not context.wants_tls


def test_every_member_that_ajsync_knows_is_read(folder: Path, home: Path) -> None:
    members = {"jetstream_domain": "hub", "jetstream_api_prefix": "JS.hub.API", "inbox_prefix": "_I.me", "token": "t"}
    write(folder, **members, tls_first=True, cert="/c", key="/k", ca="/a", user="u", password="p", color_scheme="red")

    context = load_context()

    assert {member: getattr(context, member) for member in members} == members
    assert (context.cert, context.key, context.ca) == (Path("/c"), Path("/k"), Path("/a"))
    assert (context.user, context.password, context.tls_first) == ("u", "p", True)
    assert context.wants_tls


def test_an_empty_context_is_the_local_server_without_a_user(folder: Path) -> None:
    write(folder, url="", user=None)

    assert load_context() == Context(("nats://127.0.0.1:4222",), "AJC", folder / "AJC.json")


def test_the_name_is_the_one_given_else_that_of_the_environment_else_ajc(folder: Path, home: Path) -> None:
    for name in ("AJC", "given", "environment"):
        write(folder, name)
    environ = {"HOME": str(home), "CONTEXT": "environment"}

    assert load_context("given", environ=environ).name == "given"
    assert load_context(environ=environ).name == "environment"
    assert load_context(environ={"HOME": str(home)}).name == "AJC"


def test_the_folder_follows_xdg_config_home(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": "/nowhere"}
    folder = context_folder(environ)
    folder.mkdir(parents=True)
    write(folder, "other")

    assert folder == tmp_path / "xdg" / "nats" / "context"
    assert load_context("other", environ=environ).path == folder / "other.json"


def test_contexts_are_listed_by_name(folder: Path) -> None:
    assert list_contexts() == ()
    write(folder, "b")
    write(folder, "a")
    (folder / "notes.txt").touch()
    (folder / "folder.json").mkdir()

    assert list_contexts() == ("a", "b")


def test_an_unknown_context_is_told_with_its_file_and_with_those_that_exist(folder: Path) -> None:
    default = (
        r"no NATS context AJC, which is used where none is named: .*context/AJC\.json does not exist.*context add AJC"
    )
    with pytest.raises(InvalidError, match=default):
        load_context()
    write(folder, "prod")
    write(folder, "dev")
    with pytest.raises(InvalidError, match=r"no NATS context stage: .*These exist: dev, prod\..*--context.*--server"):
        load_context("stage")


@pytest.mark.parametrize("name", ["../AJC", "a/b", "a\\b", ".."])
def test_a_name_cannot_lead_out_of_the_folder(name: str) -> None:
    with pytest.raises(InvalidError, match="cannot be the name of a NATS context"):
        load_context(name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not valid JSON: Expecting property name"),
        ("\xff", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "cannot be used: it is not a JSON object"),
        ('{"url": 4222}', 'cannot be used: "url" is not a string'),
        ('{"tls_first": "yes"}', '"tls_first" is neither true nor false'),
        ('{"cert": "/c"}', '"cert" or "key" is missing'),
        ('{"inbox_prefix": "_I.>"}', '"inbox_prefix" is not the beginning of a subject'),
        ('{"inbox_prefix": "_I."}', '"inbox_prefix" is not the beginning of a subject'),
        ('{"url": "nats://:4222"}', "server 1 of its url is not an address"),
        ('{"url": "a,b:port"}', "server 2 of its url is not an address"),
        ('{"url": "ws://a:80"}', "server 1 of its url is not nats:// or tls://"),
        ('{"url": "nats://a:b@one,nats://c:d@two"}', "have different users"),
        ('{"creds": "/home/$NOBODY/x"}', r'"creds" holds \$NOBODY, but that environment variable is not set'),
        ('{"password": "env://NOBODY", "user": "u"}', '"password" is in the environment variable NOBODY'),
        ('{"creds": "data:;base64,eA=="}', 'what "creds" refers to is not the text of such a file'),
        ('{"creds": "data:,x"}', '"creds" is not data:;base64,'),
        ('{"creds": "op://vault/item/field"}', '"creds" is op://, but'),
        ('{"password": "op://vault/item/field", "user": "u"}', "ajsync does not run op"),
        ('{"ca": "env://CA"}', '"ca" is env://, but ajsync can only read it from a file'),
        ('{"socks_proxy": "socks5://proxy.example.net"}', '"socks_proxy" is set, but .* without a proxy'),
        ('{"windows_cert_store": "user"}', '"windows_cert_store" is set, but .* from files'),
        ('{"nsc": "nsc://o/a/u"}', '"nsc" is set, but ajsync does not run nsc'),
    ],
)
def test_what_ajsync_cannot_follow_is_an_error_that_names_the_context(folder: Path, text: str, says: str) -> None:
    (folder / "AJC.json").write_text(text, encoding="latin-1")

    with pytest.raises(InvalidError, match=says) as caught:
        load_context()
    assert str(caught.value).startswith(f"The NATS context AJC in {folder / 'AJC.json'} ")


def test_a_context_that_cannot_be_read_is_an_error(folder: Path) -> None:
    (folder / "AJC.json").mkdir()

    with pytest.raises(InvalidError, match=r"cannot be read from .*AJC\.json: Is a directory"):
        load_context()


def test_paths_expand_variables_and_then_the_home_folder(folder: Path, home: Path) -> None:
    write(folder, creds="~/$KEYS/${WHO}.creds", ca="file://$DEEP/ca.pem")

    context = load_context(environ={"HOME": str(home), "KEYS": "keys", "WHO": "me", "DEEP": "~/deep"})

    assert context.creds == home / "keys" / "me.creds"
    assert context.ca == home / "deep" / "ca.pem"


@pytest.mark.parametrize(
    ("members", "chosen"),
    [
        (("user", "creds", "nkey", "user_jwt"), {"user": "env://X", "password": "secret"}),
        (("creds", "nkey", "user_jwt"), {"creds": Path("/f")}),
        (("nkey", "user_jwt"), {"nkey": Path("/f")}),
        (("user_jwt",), {"user_jwt": "secret", "user_seed": "secret"}),
    ],
)
def test_one_way_to_authenticate_is_chosen_and_a_token_stands_beside(
    folder: Path, home: Path, members: tuple[str, ...], chosen: dict[str, object]
) -> None:
    files = dict.fromkeys(("creds", "nkey"), "/f")
    values = dict.fromkeys(("user", "user_jwt"), "env://X")
    given = {member: value for member, value in (files | values).items() if member in members}
    write(folder, "AJC", **given, password="env://X", user_seed="env://X", token="env://X")

    context = load_context(environ={"HOME": str(home), "X": "secret"})

    assert context == Context(("nats://127.0.0.1:4222",), "AJC", folder / "AJC.json", token="secret", **chosen)  # type: ignore[arg-type]  # members by name


def test_credentials_may_stand_in_the_environment_or_in_the_context(folder: Path, home: Path) -> None:
    write(folder, "variable", creds="env://CREDS", nkey="/other")
    write(folder, "inside", nkey="data:;base64," + base64.b64encode(f"{SEED}\n".encode()).decode())
    (home / ".config" / "password").write_text("from a file\n")
    write(folder, "file", user="u", password="file://~/.config/password")
    environ = {"HOME": str(home), "CREDS": CREDS}

    variable = load_context("variable", environ=environ)
    inside = load_context("inside", environ=environ)

    assert (variable.user_jwt, variable.user_seed, variable.nkey) == ("a.b.c", SEED, None)
    assert (inside.user_jwt, inside.user_seed) == ("", SEED)
    assert load_context("file", environ=environ).password == "from a file"


@pytest.mark.parametrize("member", ["password", "token", "user_jwt", "user_seed"])
@pytest.mark.parametrize(
    "path",
    ["/proc/self/environ", "{home}/.ssh/id", "{home}/.config/../.ssh/id", "~/.ssh/id", "$WHERE/id", "{folder}/link"],
)
def test_a_file_whose_content_would_be_sent_must_have_been_put_beside_the_context(
    folder: Path, home: Path, member: str, path: str
) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id").write_text("s3cret")
    (folder / "link").symlink_to("/proc/self/environ")
    given = f"file://{path.format(home=home, folder=folder)}"
    write(folder, **({"user": "u"} if member == "password" else {"user_jwt": "x"}) | {member: given})
    with pytest.raises(InvalidError, match="neither below the folder of the context nor below that of") as caught:
        load_context(environ={"HOME": str(home), "WHERE": str(home / ".ssh")})
    assert "s3cret" not in str(caught.value)


def test_a_file_may_come_from_where_a_service_is_given_its_secrets(folder: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "nats").write_text("s3cret\n")
    (folder / "real").mkdir()
    (folder / "real" / "password").write_text("mounted\n")
    (folder / "password").symlink_to("real/password")
    write(folder, "service", user="u", password="file://$CREDENTIALS_DIRECTORY/nats")
    write(folder, "mounted", user="u", password=f"file://{folder}/password")
    environ = {"HOME": str(home), "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert load_context("service", environ=environ).password == "s3cret"
    assert load_context("mounted", environ=environ).password == "mounted"


def test_a_pipe_is_no_file_to_wait_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    write(folder, user="u", password=f"file://{folder}/pipe")
    with pytest.raises(
        InvalidError, match=r'the file of "password", file:.*, cannot be read: it is not a regular file'
    ):
        load_context()


@pytest.mark.parametrize("member", ["password", "token", "user_seed", "creds", "nkey", "ca"])
@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_a_name_that_no_file_can_have_is_told_with_its_member(folder: Path, member: str, character: str) -> None:
    user = {"user_jwt": "x"} if member == "user_seed" else {} if member in ("creds", "nkey") else {"user": "u"}
    write(folder, **user, **{member: f"file://{folder}/name{character}"})
    with pytest.raises(InvalidError, match=f'"{member}" holds a character that no file name may hold'):
        load_context()


def unfit(folder: Path, kind: str) -> Path:
    """What a command must not read to its end."""
    file = folder / "unfit"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        file.write_bytes(b" " * (16 * 2**20 + 1))
    return file


UNFIT = [("pipe", "it is not a regular file"), ("device", "it is not a regular file"), ("large", "it is larger than 1")]


@pytest.mark.parametrize(("kind", "says"), UNFIT)
def test_a_context_is_a_regular_file_of_some_size(folder: Path, kind: str, says: str) -> None:
    unfit(folder, kind).rename(folder / "AJC.json")
    with pytest.raises(InvalidError, match=rf"cannot be read from .*AJC\.json: {says}"):
        load_context()


@pytest.mark.parametrize("member", ["creds", "nkey", "ca", "cert", "key"])
@pytest.mark.parametrize(("kind", "says"), UNFIT)
def test_the_files_of_a_context_are_regular_ones_of_some_size(folder: Path, member: str, kind: str, says: str) -> None:
    file = unfit(folder, kind)
    members = {"cert": str(write(folder, "pem")), "key": str(write(folder, "pem"))} if member in ("cert", "key") else {}
    write(folder, **(members | {member: str(file)}))
    with pytest.raises(InvalidError, match=f'the file {file} of "{member}" cannot be read: {says}'):
        login_options(load_context(), "me")


@pytest.mark.parametrize("member", ["password", "token"])
def test_a_file_whose_content_would_be_sent_has_some_size(folder: Path, member: str) -> None:
    write(folder, user="u", **{member: f"file://{unfit(folder, 'large')}"})
    with pytest.raises(InvalidError, match=f'the file of "{member}", file:.*, cannot be read: it is larger than'):
        load_context()


@pytest.mark.parametrize("member", ["nkey", "creds", "cert", "ca"])
@pytest.mark.parametrize(
    "secret",
    [
        SEED,
        SEED[:-1],
        f"file://{SEED}",
        f" {SEED}",
        f"~/{SEED}",
        CREDS,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5",
        "$SEED",
        "ab" * 32,
    ],
)
def test_what_stands_inline_in_place_of_a_path_is_never_told(
    folder: Path, home: Path, member: str, secret: str
) -> None:
    write(folder, **{member: secret}, **({"key": "/key"} if member == "cert" else {}))
    with pytest.raises(InvalidError, match=f'"{member}" is not the path of a file, but looks like') as caught:
        load_context(environ={"HOME": str(home), "SEED": SEED})
    assert secret.strip("$ ")[-8:] not in str(caught.value)
    assert SEED[:30] not in str(caught.value)


@pytest.mark.parametrize("member", ["password", "nkey", "creds"])
def test_a_seed_in_place_of_the_name_of_a_variable_is_never_told(folder: Path, member: str) -> None:
    write(folder, user="u" if member == "password" else "", **{member: f"env://{SEED}"})
    with pytest.raises(InvalidError, match="environment variable") as caught:
        load_context()
    assert SEED not in str(caught.value)


def test_what_a_variable_in_a_path_holds_is_never_told(folder: Path, home: Path) -> None:
    write(folder, creds="$PASSWORD/nats.creds")
    context = load_context(environ={"HOME": str(home), "PASSWORD": "hunter2"})
    with pytest.raises(UnreachableError, match=r"the file \$PASSWORD/nats.creds of") as caught:
        login_options(context, "test")
    assert "hunter2" not in str(caught.value)


def test_data_in_a_context_is_not_told_when_the_server_refuses_it(folder: Path) -> None:
    data = base64.b64encode(CREDS.encode()).decode()
    write(folder, creds=f"data:;base64,{data}")
    assert load_context().shown("creds") == ""


def test_a_password_that_looks_like_a_url_is_a_password(folder: Path) -> None:
    write(folder, user="u", password="https://x")

    assert load_context().password == "https://x"


def test_a_server_alone_is_a_context_and_its_user_leaves_the_address() -> None:
    assert context_for_server("nats.example.net") == Context(("nats://nats.example.net:4222",))
    assert context_for_server("tls://[::1]:1, h:2").servers == ("tls://[::1]:1", "nats://h:2")
    assert context_for_server("tls://h").wants_tls
    assert context_for_server("nats://me:p%40ss%2F@h") == Context(("nats://h:4222",), user="me", password="p@ss/")
    assert context_for_server("nats://s3cret@one,two") == Context(
        ("nats://one:4222", "nats://two:4222"), token="s3cret"
    )


def test_the_user_of_the_url_goes_before_that_of_the_context(folder: Path) -> None:
    write(folder, url="nats://a:b@h", user="u", password="p", creds="/f")

    context = load_context()

    assert (context.user, context.password, context.creds) == ("a", "b", None)


@pytest.mark.parametrize("url", ["nats://me:s3/cret@h", "nats://me:s3,cret@h", "nats://me:s3cret@", "s3cret@h:port"])
def test_a_broken_address_is_never_quoted_since_it_may_hold_a_secret(url: str) -> None:
    with pytest.raises(InvalidError) as caught:
        context_for_server(url)
    assert "cret" not in str(caught.value)
    assert "s3" not in str(caught.value)


def test_no_secret_is_in_what_a_context_shows_of_itself() -> None:
    context = Context(("nats://h:1",), password="s3cret", token="s3cret", user_jwt="s3cret", user_seed="s3cret")

    assert "s3cret" not in repr(context)


@pytest.mark.parametrize(
    ("domain", "prefix", "expected"),
    [
        ("", "", "$JS.API."),
        ("hub", "", "$JS.hub.API."),
        ("", "JS.other", "JS.other."),
        ("", "JS.other.", "JS.other."),
        ("hub", "JS.other", "$JS.hub.API."),
    ],
)
def test_the_prefix_of_the_api_comes_from_the_domain_else_from_the_prefix(
    domain: str, prefix: str, expected: str
) -> None:
    assert Context((), jetstream_domain=domain, jetstream_api_prefix=prefix).api_prefix == expected


def test_files_are_read_as_utf_8_whatever_the_locale(folder: Path, tmp_path: Path) -> None:
    secret = folder / "secret"
    secret.write_text("für", encoding="utf-8")
    write(folder, url="nats://h", user="u", password=f"file://{secret}")
    script = """if True:
        import pathlib, sys
        from ajsync.transport.context import load_context
        from ajsync.transport.login import _read_file
        context = load_context()
        print(ascii([context.password, _read_file(context, "creds", pathlib.Path(sys.argv[1]))]))
    """
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", script, str(secret)], env=ascii_only, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("['f\\xfcr', 'f\\xfcr']\n", "")
