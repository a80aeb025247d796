"""Many at once: one effect a name, equal answers for equal tokens, pages that lose nothing."""

import http.client
import json
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from amounts import amount
from endpoint.conftest import MESHES, Client

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.slow

THREADS = 8
CREATES = amount("colliding creates of each of eight clients", test=150, full=1_000)
JSON = {"Content-Type": "application/json"}


def creates(address: str, seed: int) -> list[tuple[str, str, int, str]]:
    """Create meshes of 100 names with tokens that others use too."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    connection = http.client.HTTPConnection(address)
    answers = []
    for _ in range(CREATES):
        name, token = f"m{chance.randrange(100)}", f"t{chance.randrange(300)}"
        # Half of the tokens belong to a name, so that they repeat a request.
        name = f"m{int(token[1:]) % 100}" if chance.random() < 0.5 else name
        body = json.dumps({"meshName": name, "clientToken": token})
        connection.request("PUT", MESHES, body, JSON)
        answer = connection.getresponse()
        answers.append((name, token, answer.status, answer.read().decode()))
    connection.close()
    return answers


def test_colliding_creates_have_one_effect_a_name(
    tmp_path: Path, new_store: Callable[[], str | None]
) -> None:
    with LocalEndpoint(tmp_path, store=new_store()) as endpoint:
        address = endpoint.url.removeprefix("http://")
        with ThreadPoolExecutor(THREADS) as pool:
            runs = list(pool.map(lambda seed: creates(address, seed), range(THREADS)))
        client = Client(endpoint.url)
        live = {f"m{number}": client.describe(f"m{number}").body for number in range(100)}
    answers = [answer for run in runs for answer in run]
    assert len(answers) == THREADS * CREATES
    assert {status for _, _, status, _ in answers} == {200, 409}
    granted: dict[tuple[str, str], set[str]] = defaultdict(set)
    uids: dict[str, set[str]] = defaultdict(set)
    for name, token, status, text in answers:
        if status == 200:
            granted[name, token].add(text)
            uids[name].add(json.loads(text)["metadata"]["uid"])
        else:
            assert json.loads(text)["message"].startswith(("Mesh with name", "the client token"))
    assert all(len(texts) == 1 for texts in granted.values())
    # One token made each name: whoever came with another one was refused.
    assert sorted(name for name, _ in granted) == sorted(live)
    assert {name: uids[name] for name in live} == {
        name: {mesh["metadata"]["uid"]} for name, mesh in live.items()
    }
    assert {mesh["metadata"]["version"] for mesh in live.values()} == {1}


def test_pages_hold_every_untouched_mesh_while_others_come_and_go(
    new_store: Callable[[], str | None],
) -> None:
    with LocalEndpoint(None, store=new_store()) as endpoint:
        client = Client(endpoint.url)
        steady = [f"s{number:03}" for number in range(60)]
        for name in steady:
            client.create(name)
        done = threading.Event()

        def churn(seed: int) -> None:
            chance = random.Random(seed)  # noqa: S311 - no secret
            while not done.is_set():
                name = f"s{chance.randrange(60):03}-{seed}"
                client.create(name)
                client.delete(name)

        churning = [threading.Thread(target=churn, args=(seed,)) for seed in range(3)]
        for each in churning:
            each.start()
        try:
            for limit in (1, 7, 13):
                for _ in range(5):
                    names = walk(client, limit)
                    assert len(names) == len(set(names))
                    assert set(steady) <= set(names)
        finally:
            done.set()
            for each in churning:
                each.join()


def walk(client: Client, limit: int) -> list[str]:
    names: list[str] = []
    token: Any = ""
    while token is not None:
        page = client.send("GET", f"{MESHES}?limit={limit}&nextToken={token}").body
        names += [mesh["meshName"] for mesh in page["meshes"]]
        token = page.get("nextToken")
    return names
