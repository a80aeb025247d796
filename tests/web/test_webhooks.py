"""Webhooks over sockets, signed as GitHub and GitLab document it: each one asks for a cycle."""

import hashlib
import hmac
import http.client
import os
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from web.samples import StillDaemon, calm, served

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.daemon.loop import Daemon, LoopInputs
from reconciler.web.webhooks.registry import WEBHOOKS, read_webhook_secret

# The example of GitHub's documentation.
SECRET = "It's a Secret to Everybody"  # noqa: S105  # it opens nothing
PAYLOAD = b"Hello, World!"
SIGNED = {
    "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
}
# The example of the specification that GitLab follows.
SIGNING_TOKEN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # it opens nothing
SIGNED_BY_GITLAB = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
GITLAB_PAYLOAD = b'{"test": 2432232314}'
GITHUB, GITLAB = "/webhooks/github", "/webhooks/gitlab"


def send(
    url: str, path: str, headers: dict[str, str], body: bytes = PAYLOAD, method: str = "POST"
) -> int:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)) as connection:
        connection.request(method, path, body, headers)
        with connection.getresponse() as answer:
            return answer.status


@pytest.fixture
def daemon() -> StillDaemon:
    return StillDaemon(calm())


@pytest.fixture
def url(daemon: StillDaemon, tmp_path: Path) -> Iterator[str]:
    with served(daemon, tmp_path, webhook_secret=SECRET) as address:
        yield address


@pytest.mark.parametrize(
    ("secret", "path", "headers", "body"),
    [
        (SECRET, GITHUB, SIGNED, PAYLOAD),
        (SECRET, GITHUB, {**SIGNED, "Content-Type": "application/x-www-form-urlencoded"}, PAYLOAD),
        (SECRET, GITLAB, {"X-Gitlab-Token": SECRET}, b"{}"),
        (SECRET, GITLAB, {"X-Gitlab-Token": SECRET}, b"this is not parsed \x00\xff"),
        (SIGNING_TOKEN, GITLAB, SIGNED_BY_GITLAB, GITLAB_PAYLOAD),
        ("whsec_that is not base64", GITLAB, {"X-Gitlab-Token": "whsec_that is not base64"}, b""),
    ],
)
def test_a_delivery_with_the_secret_lets_the_daemon_look_and_does_not_wait_for_it(
    daemon: StillDaemon,
    tmp_path: Path,
    secret: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    with served(daemon, tmp_path, webhook_secret=secret) as url:
        assert send(url, path, headers, body) == 202
    # This daemon ends no cycle.
    assert (daemon.looks, daemon.asked) == (1, 0)
    assert not daemon.waits.is_set()


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("secret", "path", "headers", "body"),
    [
        (SECRET, GITHUB, {}, PAYLOAD),
        (SECRET, GITHUB, SIGNED, PAYLOAD + b"\n"),
        (SECRET, GITHUB, SIGNED, b""),
        (SECRET + "!", GITHUB, SIGNED, PAYLOAD),
        (SECRET, GITHUB, {"X-Hub-Signature-256": SIGNED["X-Hub-Signature-256"][:-1]}, PAYLOAD),
        (SECRET, GITHUB, {"X-Hub-Signature-256": "sha256=" + "0" * 64}, PAYLOAD),
        (SECRET, GITHUB, {"X-Hub-Signature-256": "sha256=" + "\xff" * 64}, PAYLOAD),
        (SECRET, GITHUB, {"X-Hub-Signature": "sha1=" + "0" * 40}, PAYLOAD),
        (SECRET, GITHUB, {"X-Gitlab-Token": SECRET}, PAYLOAD),
        (SECRET, GITHUB, {"Authorization": f"Bearer {SECRET}"}, PAYLOAD),
        (SECRET, GITLAB, {}, b"{}"),
        (SECRET, GITLAB, SIGNED, PAYLOAD),
        (SECRET, GITLAB, {"X-Gitlab-Token": SECRET[:-1]}, b"{}"),
        (SECRET, GITLAB, {"X-Gitlab-Token": "\xff"}, b"{}"),
        (SIGNING_TOKEN, GITLAB, {}, GITLAB_PAYLOAD),
        (SIGNING_TOKEN, GITLAB, {"X-Gitlab-Token": SIGNING_TOKEN}, GITLAB_PAYLOAD),
        (SIGNING_TOKEN, GITLAB, SIGNED_BY_GITLAB, GITLAB_PAYLOAD + b" "),
        (SIGNING_TOKEN, GITLAB, {**SIGNED_BY_GITLAB, "webhook-id": "msg_another"}, GITLAB_PAYLOAD),
        (SIGNING_TOKEN, GITLAB, {**SIGNED_BY_GITLAB, "webhook-id": ""}, GITLAB_PAYLOAD),
        (SIGNING_TOKEN, GITLAB, {**SIGNED_BY_GITLAB, "webhook-timestamp": "1"}, GITLAB_PAYLOAD),
        (SIGNING_TOKEN, GITLAB, {**SIGNED_BY_GITLAB, "webhook-signature": "v1,"}, GITLAB_PAYLOAD),
        (SIGNING_TOKEN, GITLAB, {**SIGNED_BY_GITLAB, "webhook-signature": "v1,%"}, GITLAB_PAYLOAD),
        (
            SIGNING_TOKEN,
            GITLAB,
            {
                **SIGNED_BY_GITLAB,
                "webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOI=",
            },
            GITLAB_PAYLOAD,
        ),
    ],
)
def test_a_delivery_without_the_secret_is_401_and_requests_nothing(
    daemon: StillDaemon,
    tmp_path: Path,
    secret: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    with served(daemon, tmp_path, webhook_secret=secret) as url:
        assert send(url, path, headers, body) == 401
    assert daemon.looks == 0


@pytest.mark.parametrize("path", WEBHOOKS)
def test_without_a_secret_there_is_no_webhook(
    daemon: StillDaemon, tmp_path: Path, path: str
) -> None:
    with served(daemon, tmp_path) as url:
        assert send(url, path, {**SIGNED, "X-Gitlab-Token": ""}) == 404
        assert send(url, path, {**SIGNED, "X-Gitlab-Token": "None"}) == 404
    assert daemon.looks == 0


@pytest.mark.parametrize(
    ("path", "method", "headers", "code"),
    [
        (GITHUB, "GET", {}, 405),
        (GITHUB, "PUT", {}, 405),
        ("/webhooks", "POST", {}, 404),
        ("/webhooks/", "POST", {}, 404),
        ("/webhooks/bitbucket", "POST", {}, 404),
        ("/webhooks/github/", "POST", {}, 404),
        (GITHUB, "POST", {"Host": "evil.example"}, 403),
        (GITHUB, "POST", {"Origin": "https://evil.example"}, 403),
        (GITHUB, "POST", {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_the_rules_for_hosts_pages_and_methods_hold_for_webhooks_too(
    daemon: StillDaemon, url: str, path: str, method: str, headers: dict[str, str], code: int
) -> None:
    assert send(url, path, {**SIGNED, **headers}, method=method) == code
    assert daemon.looks == 0


def test_the_secret_of_webhooks_opens_no_other_path(daemon: StillDaemon, url: str) -> None:
    headers = {**SIGNED, "Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    assert send(url, "/reconcile", headers, b"{}") == 401
    assert daemon.looks == 0


def sign(body: bytes) -> dict[str, str]:
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


def test_a_push_of_many_commits_is_larger_than_other_requests_may_be(
    daemon: StillDaemon, url: str
) -> None:
    body = b"x" * (4 * limits.MAX_BODY_BYTES)
    assert send(url, GITHUB, sign(body), body) == 202
    assert daemon.looks == 1


@pytest.mark.parametrize(
    ("path", "headers"), [(GITHUB, SIGNED), (GITLAB, {"X-Gitlab-Token": SECRET})]
)
def test_a_body_over_the_limit_is_not_read(
    daemon: StillDaemon,
    url: str,
    path: str,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_WEBHOOK_BODY_BYTES", 1 << 16)
    assert send(url, path, headers, b"x" * ((1 << 16) + 1)) == 413
    assert daemon.looks == 0


def test_a_body_is_not_read_if_the_headers_prove_nothing(daemon: StillDaemon, url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"POST {GITHUB} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000000\r\n\r\n"
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert daemon.looks == 0


@pytest.mark.parametrize(
    ("path", "headers"), [(GITHUB, SIGNED), (GITLAB, {"X-Gitlab-Token": SECRET})]
)
def test_a_delivery_that_is_cut_off_requests_nothing(
    daemon: StillDaemon, url: str, path: str, headers: dict[str, str]
) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Length: 14"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", PAYLOAD.decode()]).encode())
    # The server has noticed by the time that it answers the next request.
    assert send(url, "/healthz", {}, b"", "GET") == 200
    assert daemon.looks == 0


def test_a_delivery_that_is_repeated_is_answered_again(daemon: StillDaemon, url: str) -> None:
    assert [send(url, GITHUB, SIGNED) for _ in range(5)] == [202] * 5
    assert daemon.looks == 5


def test_a_flood_of_deliveries_leaves_one_pending_look(tmp_path: Path) -> None:
    begun, released = Event(), Event()
    forced: list[bool] = []
    looks: list[float] = []

    def cycle(status: DaemonStatus, **facts: bool) -> DaemonStatus:
        forced.append(facts["forced"])
        begun.set()
        released.wait(30)
        return replace(status, exit_code=ExitCode.OK)

    inputs = LoopInputs(
        lambda: "", lambda: 0.0, lambda: 0.0, lambda: 0.0, look_now=lambda: looks.append(0.0)
    )
    daemon = Daemon(cycle, inputs, calm())
    with ThreadPoolExecutor(8) as pool, served(daemon, tmp_path, webhook_secret=SECRET) as url:
        loop = pool.submit(daemon.run, [False] * 100)
        assert begun.wait(30)
        assert set(pool.map(lambda _: send(url, GITHUB, SIGNED), range(100))) == {202}
        released.set()
        loop.result(30)
    assert (forced, looks) == ([False], [0.0])


def test_a_secret_that_is_missing_short_or_readable_by_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(UsageError, match=r"cannot read the webhook secret file .*: No such file.*"):
        read_webhook_secret(path)
    path.write_text("short\n")
    path.chmod(0o600)
    with pytest.raises(UsageError, match=r"less than 16 characters.*openssl rand -hex 32"):
        read_webhook_secret(path)
    path.write_text("")
    with pytest.raises(UsageError, match=r"contains no secret: write .* openssl rand -hex 32"):
        read_webhook_secret(path)
    path.write_text(f"{SECRET}\n")
    assert read_webhook_secret(path) == SECRET.encode()
    path.chmod(0o640)
    with pytest.raises(UsageError, match="must be a file that only its user can read"):
        read_webhook_secret(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of root")
@pytest.mark.parametrize(("mode", "is_read"), [(0o440, True), (0o444, False), (0o460, False)])
def test_a_secret_that_kubernetes_mounts_is_read_by_its_group(mode: int, *, is_read: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "secret"
        path.write_text(SECRET)
        path.chmod(mode)
        os.seteuid(65532)
        try:
            if is_read:
                assert read_webhook_secret(path) == SECRET.encode()
            else:
                with pytest.raises(UsageError, match="only its user can read"):
                    read_webhook_secret(path)
        finally:
            os.seteuid(0)
