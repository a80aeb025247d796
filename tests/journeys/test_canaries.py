"""No secret is in any byte that is written, whatever a service answers and whatever is set wrongly.

Every planted secret holds the word that is looked for, and nothing else does. Each test plants its
own, since a process remembers those that it saw.
"""

import html
import json
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import boto3
import pytest
import urllib3
from builders import OWNER
from conftest import Cli, Start
from daemons import ended, eventually
from fake_forges import PlayedGitHub
from manifest_text import mesh_yaml
from repository import commit_all
from servers import Answer, Scripted, recording, scripted

from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint
from reconciler.targets.error_translation import ERRORS, UNMODELED

pytestmark = pytest.mark.slow

WORD = "canary"
REFUSED = "The request signature we calculated does not match the signature you provided."
STATUS = {
    "ConflictException": 409, "InternalServerErrorException": 500, "NotFoundException": 404,
    "ServiceUnavailableException": 503, "TooManyRequestsException": 429, "ThrottlingException": 429,
}  # fmt: skip
_numbers = count(1000)


class Planted:
    """Secrets of one test, and what a service may make of them."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.key = f"x/{number}Canary+of/a/secret+key/0123456789AB"
        self.token = f"IQoJ{number}b3JpZ2lu//canary/of+a+token/{'Ab+/12' * 40}canary=="
        self.password = f"{number}/canary:of@a-proxy"
        self.forge_token = f"{number}CanaryOfAForgeToken"

    @property
    def spellings(self) -> dict[str, str]:
        """Return texts that repeat what was sent, and what a service knows besides."""
        key, token, password = self.key, self.token, self.password
        signed = (
            "GET\n/v20190125/meshes\nlimit=100\nhost:127.0.0.1\nx-amz-date:20261123T120000Z\n"
            f"x-amz-security-token:{token}\n\nhost;x-amz-security-token\n{'e3b0c442' * 8}"
        )
        html_token = token.replace("/", "&#x2F;").replace("+", "&#43;")
        return {
            "a canonical request": f"{REFUSED}\n\nThe Canonical String should be\n'{signed}'",
            "the same at once": f"{REFUSED} It should be '{signed}'",
            "prose": f"The token {token} is not one of the key {key}, via {password}",
            "a URL": f"GET https://me:{password}@h/meshes?X-Amz-Security-Token={quote(token)}&x=1",
            "JSON": json.dumps({"SecretAccessKey": key, "Token": token, "p": password}),
            "HTML": f"<p>{html.escape(token)}</p> {html_token}",
            "cut short": f"The token {token[:60]}... and the key {key[:30]}... are not valid",
            "headers": f"Authorization: AWS4 Signature={WORD}\nX-Amz-Token: {token}",
            "very long": f"{REFUSED} " * 200 + token,
            "without a space": "x" * 7_990 + token,
        }

    @property
    def answers(self) -> dict[str, Answer]:
        """Return all that an API may answer except what it should; XML is what STS speaks."""
        key, token, texts = self.key, self.token, [*self.spellings.values()]
        codes = [*ERRORS, *UNMODELED, "SomeNovelException"]
        return {
            **{
                code: refusal(code, texts[number % len(texts)], STATUS.get(code, 400))
                for number, code in enumerate(codes)
            },
            **{
                f"{name}, refused": refusal("InvalidSignatureException", text)
                for name, text in self.spellings.items()
            },
            "a page, 200": Answer(200, f"<html>{token} {key}</html>".encode()),
            "a page, 502": Answer(502, f"<html>{token} {key}</html>".encode()),
            "text, 200": Answer(200, self.spellings["prose"].encode()),
            "Latin-1": Answer(400, b"\xe9" + token.encode()),
            "elsewhere": Answer(301, b"", {"location": f"https://h/?token={quote(token)}"}),
            "a code that is a token": refusal(token, "no"),
            "a type that is a token": Answer(400, {"__type": f"{token}#{key}", "Message": "no"}),
            "a message that is none": refusal("BadRequestException", [{"token": token}, key]),
            "text in place of all": Answer(200, token.join('""').encode()),
            "text in place of lists": Answer(200, {"meshes": token, "mesh": key, "tags": token}),
            "text in place of numbers": Answer(
                200, {"meshes": [{"version": token}], "metadata": {"version": token, "uid": key}}
            ),
            "XML that ends too soon": Answer(
                200,
                f"<R><Credentials><SecretAccessKey>{key}</SecretAccessKey><SessionToken>{token}"
                "</SessionToken>".encode(),
                {"content-type": "text/xml"},
            ),
            "XML of an error": Answer(
                403,
                "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>"
                f"{html.escape(self.spellings['the same at once'])}"
                "</Message></Error></ErrorResponse>".encode(),
                {"content-type": "text/xml"},
            ),
        }


def refusal(code: str, message: object, status: int = 400) -> Answer:
    return Answer(status, {"message": message}, {"x-amzn-errortype": code})


def is_sts(_: str, body: bytes) -> bool:
    return b"GetCallerIdentity" in body


def is_write(request: str, _: bytes) -> bool:
    return request.startswith("PUT /v2019")


def is_describe(request: str, _: bytes) -> bool:
    return request.startswith("GET /v20190125/meshes/live")


def is_lock(_: str, body: bytes) -> bool:
    return b'"TableName"' in body


def is_any(_: str, __: bytes) -> bool:
    return True


# Each way to a reader, and what of the API answers so there.
RUNS: dict[str, tuple[Callable[[str, bytes], bool], list[str]]] = {
    "plan": (is_any, ["plan", "--out", "p.plan"]),
    "plan of what is live": (is_describe, ["plan", "--format", "json"]),
    "apply": (is_write, ["apply", "--auto-approve"]),
    "a cycle": (is_write, ["run", "--once", "--log-level", "debug", "--log-format", "json"]),
    "whose account": (is_sts, ["plan", "--target", "aws", "--log-level", "debug"]),
    "the lock": (is_lock, ["apply", "--auto-approve", "--lock", "dynamodb:locks"]),
    "doctor": (is_any, ["doctor"]),
    "the CI job": (is_write, ["ci"]),
}
PAIRS = [(answer, run) for answer in Planted().answers for run in RUNS]


def written(here: Path, *texts: str) -> str:
    """Return all that was written, below the working directory too, in lower case."""
    files = (path for path in here.rglob("*") if path.is_file() and ".git" not in path.parts)
    contents = (path.read_bytes().decode(errors="backslashreplace") for path in files)
    return "\n".join([*texts, *contents]).lower()


@pytest.fixture
def planted(here: Path, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Return secrets, which the environment holds; one mesh is live, another one to be."""
    client = boto3.client("appmesh", endpoint_url=endpoint.url)
    client.create_mesh(meshName="live", tags=[{"key": OWNER_TAG, "value": OWNER}])
    client.close()
    (here / "manifests").mkdir()
    for name in ("live", "new"):
        (here / f"manifests/{name}.yaml").write_text(mesh_yaml(name), "utf-8")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    secrets = Planted()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", secrets.token)
    proxy = f"http://me:{quote(secrets.password, safe='')}@127.0.0.1:9"
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    return secrets


@pytest.mark.sample(5)
@pytest.mark.parametrize(("answer", "run"), PAIRS)
def test_e01_e02_no_answer_of_the_api_brings_a_secret_to_a_reader(
    answer: str,
    run: str,
    cli: Cli,
    here: Path,
    endpoint: LocalEndpoint,
    planted: Planted,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    strikes, arguments = RUNS[run]
    forge = PlayedGitHub(tmp_path_factory.mktemp("forge"))

    def hostile(request: str, body: bytes) -> Answer | None:
        return planted.answers[answer] if strikes(request, body) else None

    with recording(endpoint.url, instead=hostile) as server, scripted(forge) as forge_server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        if run == "the CI job":
            (here / "reconciler.toml").write_text(
                f'[targets.t]\nendpoint_url = "{server.url}"\nsource = "manifests"\n'
            )
            head = commit_all(here)
            for name, value in forge.environment(forge_server.url, "push", head, head).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("GITHUB_TOKEN", planted.forge_token)
            forge.merged.append(head)
            forge.add(f"<!-- mesh-reconciler:plan t/{OWNER} -->\n")
            arguments = [*arguments, "--target", "t", "--expect", fingerprint(cli)]
        result = cli(*arguments, "--owner", OWNER)
        assert any(strikes(request, body) for request, body in server.asked)
    files = [path.read_text() for path in forge.folder.iterdir() if path.name != "event.json"]
    found = written(here, result.out, result.err, *forge.bodies, *files)
    assert WORD not in found
    assert len(found) < 50_000


def fingerprint(cli: Cli) -> str:
    result = cli("plan", "--target", "t", "--owner", OWNER, "--format", "json")
    return str(json.loads(result.out)["plan"]["fingerprint"])


def test_there_are_at_least_150_runs_with_planted_secrets(
    record_property: Callable[[str, object], None],
) -> None:
    runs = len(PAIRS) + len(WRONG) + len(FOUND)
    assert runs >= 150
    record_property("figure", f"{runs} runs with planted secrets, 0 in what they wrote")


# Each setting that may hold a password, and is wrong: variables, reconciler.toml, arguments.
URL = "https://me:{quoted}@127.0.0.1:9"
ANY = ["--endpoint-url", "https://127.0.0.1:9"]
WRONG: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "a URL with a space": ({"AWS_ENDPOINT_URL": "https://me:{password} x@h"}, "", []),
    "a URL whose port is none": ({"AWS_ENDPOINT_URL": "https://me:{password}@h:p"}, "", []),
    "a user for AWS": ({"AWS_ENDPOINT_URL": URL}, "", ["--target", "aws"]),
    "a query for AWS": ({"AWS_ENDPOINT_URL": "https://h/?t={token}"}, "", ["--target", "aws"]),
    "a user in an option": ({}, "", ["--endpoint-url", URL]),
    "a user in a table": ({}, f'[targets.t]\nendpoint_url = "{URL}"', ["--target", "t"]),
    "a list in the file": ({}, f'endpoint_url = ["{URL}"]', []),
    "a URL for a name": ({}, "", ["--target", URL]),
    "a proxy that is not there": ({"HTTPS_PROXY": "http://me:{quoted}@127.0.0.1:9"}, "", ANY),
    "a proxy that is no URL": ({"HTTPS_PROXY": "http://me:{password}@h:9"}, "", ANY),
    "a proxy of another kind": ({"HTTPS_PROXY": "socks9://me:{quoted}@127.0.0.1:9"}, "", ANY),
    "a process that prints no JSON": ({}, "", [*ANY, "--profile", "p"]),
}


@pytest.mark.parametrize("setting", WRONG)
def test_e02_no_setting_brings_a_secret_to_a_reader(
    setting: str,
    cli: Cli,
    here: Path,
    planted: Planted,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    def filled(text: str) -> str:
        quoted = quote(planted.password, safe="")
        return text.format(password=planted.password, quoted=quoted, token=planted.token)

    variables, file, arguments = WRONG[setting]
    aside = tmp_path_factory.mktemp("aside")
    (aside / "config").write_text(f"[profile p]\ncredential_process = echo {planted.key}\n")
    (aside / "reconciler.toml").write_text(filled(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(aside / "config"))
    for name, value in variables.items():
        monkeypatch.setenv(name, filled(value))
    result = cli(
        "plan", *map(filled, arguments), "--owner", "o", "--log-level", "debug",
        "--config", str(aside / "reconciler.toml"),
    )  # fmt: skip
    assert result.code in (1, 64)
    assert len(result.err.splitlines()) == 1
    assert ("credential_process did not print JSON" in result.err) == ("no JSON" in setting)
    assert WORD not in written(here, result.out, result.err)


ISSUED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>123456789012</AccessKeyId>
<SecretAccessKey>{key}</SecretAccessKey><SessionToken>{token}</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
</AssumeRoleResponse>"""
STATIC = "aws_access_key_id = 123456789012\naws_secret_access_key = {key}\n"
ROLE = "role_arn = {quote}arn:aws:iam::123456789012:role/r{quote}\n"
# Where credentials come from: the file of profiles, and what the target's table adds.
FOUND = {
    "a profile": (f"[p]\n{STATIC}aws_session_token = {{token}}\n", ""),
    "a profile's role": (f"[s]\n{STATIC}[p]\n{ROLE}source_profile = s\n", ""),
    "the target's role": (f"[p]\n{STATIC}aws_session_token = {{token}}\n", ROLE),
}


@pytest.mark.parametrize("found", FOUND)
def test_e02_credentials_are_hidden_wherever_they_come_from(
    found: str,
    cli: Cli,
    here: Path,
    endpoint: LocalEndpoint,
    planted: Planted,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    issued, (profiles, table) = Planted(), FOUND[found]
    issued.password = planted.password

    def hostile(_: str, body: bytes) -> Answer:
        if b"AssumeRole" in body:
            content = ISSUED.format(key=issued.key, token=issued.token).encode()
            return Answer(200, content, {"content-type": "text/xml"})
        used = planted if found == "a profile" else issued
        return refusal("AccessDeniedException", f"{planted.key} {used.spellings['wrap_words']}")

    credentials = tmp_path_factory.mktemp("aside") / "credentials"
    credentials.write_text(profiles.format(key=planted.key, token=planted.token, quote=""))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    with recording(endpoint.url, instead=hostile) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        (here / "reconciler.toml").write_text(
            f'[targets.t]\nendpoint_url = "{server.url}"\nprofile = "p"\n' + table.format(quote='"')
        )
        result = cli("plan", "--target", "t", "--owner", "o", "--log-level", "debug")
    assert result.code == 1
    assert "AccessDeniedException" in result.err
    assert WORD not in written(here, result.out, result.err)


@pytest.fixture
def hostile_writes(endpoint: LocalEndpoint, planted: Planted) -> Iterator[Scripted]:
    """Return the API, which refuses writes with everything that it was sent."""

    def hostile(request: str, body: bytes) -> Answer | None:
        message = planted.spellings["prose"]
        return refusal("AccessDeniedException", message) if is_write(request, body) else None

    with recording(endpoint.url, instead=hostile) as server:
        yield server


def test_e02_a_daemon_shows_no_secret(
    start: Start, here: Path, hostile_writes: Scripted, planted: Planted
) -> None:
    (here / ".reconciler").mkdir(mode=0o700)
    (here / ".reconciler/token").write_text(planted.forge_token)
    (here / ".reconciler/token").chmod(0o600)
    process = start("--log-level", "debug", "--log-format", "json", url=hostile_writes.url)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    result = [next(line for line in lines if "status at" in line)]
    address = json.loads(result[0])["message"].split()[2]
    pages = [""] * 4

    def failed() -> bool:
        for number, path in enumerate(("status", "metrics", "", "page.js")):
            answer = urllib3.request("GET", f"{address}/{path}")
            pages[number] = answer.data.decode()
        return "AccessDeniedException" in pages[0]

    eventually(failed)
    bearer = {"authorization": f"Bearer {planted.forge_token}", "content-type": "application/json"}
    answer = urllib3.request("POST", f"{address}/reconcile", body=b"{}", headers=bearer)
    code, rest = ended(process, signal.SIGTERM)
    assert code == 0
    (here / ".reconciler/token").unlink()
    assert WORD not in written(here, *result, rest, *pages, answer.data.decode())


@pytest.mark.parametrize("status", [200, 401, 500])
def test_e02_what_answers_for_a_daemon_brings_no_token_to_a_reader(
    status: int, cli: Cli, here: Path, planted: Planted
) -> None:
    file = here / "token"
    file.write_text(planted.forge_token)
    file.chmod(0o600)
    message = f"the token {planted.forge_token} is wrong"
    with scripted(lambda *_: Answer(status, {"message": message})) as server:
        result = cli("reconcile", "--url", server.url, "--token-file", "token")
    assert result.code == 1
    file.unlink()
    assert WORD not in written(here, result.out, result.err)


def test_e02_a_forge_brings_no_token_to_a_reader(
    cli: Cli,
    here: Path,
    endpoint: LocalEndpoint,
    planted: Planted,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    (here / "reconciler.toml").write_text(f'[targets.t]\nendpoint_url = "{endpoint.url}"\n')
    head = commit_all(here)
    forge = PlayedGitHub(tmp_path_factory.mktemp("forge"), at=planted.forge_token)
    with scripted(forge) as server:
        url = server.url.replace("//", f"//me:{planted.password.replace('/', '')}@")
        for address, words in ((server.url, "the branch is now at"), (url, "HTTP 404")):
            for name, value in forge.environment(address, "push", head, head).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("GITHUB_TOKEN", planted.forge_token)
            result = cli("ci", "--target", "t", "--owner", OWNER)
            assert words in result.err
            assert WORD not in written(here, result.out, result.err, *forge.bodies)
            forge.fault = lambda _: Answer(404, {"message": planted.forge_token})
