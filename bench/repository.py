"""Benchmarks of a git repository as the source: a push with its webhook, and a large tree."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from statistics import median

from git_servers import git_server
from manifest_text import mesh_yaml
from repository import git, publish
from webhooks import send_push

from bench.daemon import ACCOUNT, LONG_INTERVAL, daemon, time_edits
from bench.endpoint import serving
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_source import GitSource
from reconciler.source.git_url import parse_address

DIRECTORIES = FILES = 100
RUNS = 3


def figures() -> Iterator[str]:
    """Yield a line for each figure, with its goal."""
    with tempfile.TemporaryDirectory() as name:
        yield _pushes(Path(name))
    with tempfile.TemporaryDirectory() as name:
        yield _large_tree(Path(name))


def _pushes(directory: Path) -> str:
    """Edit, commit and push with git to a served repository, then send the webhook of GitHub."""
    first, served, clone = (directory / name for name in ("first", "served", "clone"))
    first.mkdir()
    served.mkdir()
    (first / "m.yaml").write_text(mesh_yaml("edited", "DROP_ALL"))
    publish(first, served / "meshes.git")
    git(directory, "clone", "--quiet", str(served / "meshes.git"), str(clone))
    secret = directory / "webhook-secret"
    secret.touch(mode=0o600)
    secret.write_text(token_hex())
    with serving(directory) as (address, _, _), git_server(served) as server:
        url = f"http://{address}"
        source = (f"git+{server.url}/meshes.git", "--cache-dir", "cache", "--poll", "3600")
        webhook = ("--webhook-secret-file", str(secret))
        with daemon(directory, url, LONG_INTERVAL, ACCOUNT, *source, *webhook) as (
            _,
            _,
            status_url,
        ):

            def edit(egress: str) -> None:
                # Each file is new, so that it is fetched.
                text = f"# {token_hex()}\n{mesh_yaml('edited', egress)}"
                (clone / "m.yaml").write_text(text)
                git(clone, "commit", "--quiet", "--all", "--message", egress)
                git(clone, "push", "--quiet")
                send_push(status_url, secret)

            waits = time_edits(url, ACCOUNT, edit)
    return f"edit, commit, push and webhook to converged, {waits} (goal: p95 under 1.5 s)"


def _large_tree(directory: Path) -> str:
    files = directory / "files"
    for number in range(DIRECTORIES):
        (files / f"d{number}").mkdir(parents=True)
        for item in range(FILES):
            (files / f"d{number}/{item}.yaml").write_text(
                mesh_yaml(f"m{number}-{item}", "DROP_ALL")
            )
    publish(files, directory / "meshes.git")
    address = parse_address(f"git+file://{directory}/meshes.git")
    spent = []
    for _ in range(RUNS + 1):
        # The first run fetches the files, and the others find them in the mirror.
        source = GitSource(
            address, Mirror(directory / "cache", address), GitSettings(), time.monotonic
        )
        before = sum(os.times()[:4])
        assert len(source.read().files) == DIRECTORIES * FILES
        spent.append(sum(os.times()[:4]) - before)
    return (
        f"tree of {DIRECTORIES * FILES:,} files read from a mirror: {median(spent[1:]):.2f} s CPU, "
        f"git included, parsing not; {spent[0]:.2f} s with its first fetch (goal: 1 s, and none)"
    )
