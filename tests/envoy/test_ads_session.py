"""The stream of a proxy, against an Envoy that answers late, rejects and reconnects."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from amounts import SEED, amount
from envoy.fake_envoy import FakeEnvoy

from reconciler.envoy.ads_session import (
    AdsSession,
    DiscoveryRequest,
    DiscoveryResponse,
    TypeProgress,
)
from reconciler.envoy.proxy_state import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    PackedResource,
    ProxyHistory,
    ProxyState,
    TypeState,
)

MAX_STEPS = 2_000


def packed(name: str, **content: object) -> PackedResource:
    body = json.dumps(content, sort_keys=True).encode()
    return PackedResource(name, hashlib.sha256(name.encode() + body).hexdigest(), body)


def type_state(*resources: PackedResource) -> TypeState:
    return TypeState({resource.name: resource for resource in resources})


def random_state(chance: random.Random, bad: float) -> ProxyState:
    """Return a consistent state of a few clusters, tables and listeners."""
    clusters = chance.sample([f"c{number}" for number in range(6)], chance.randint(1, 4))
    is_eds = {name: chance.random() < 0.4 for name in clusters}

    def spoiled() -> dict[str, bool]:
        return {"bad": True} if chance.random() < bad else {}

    def some() -> list[str]:
        return sorted(chance.sample(clusters, chance.randint(1, len(clusters))))

    tables = chance.sample(["t0", "t1", "t2"], chance.randint(0, 3))
    listeners = [
        packed(
            name,
            clusters=some() if chance.random() < 0.3 else [],
            tables=sorted(chance.sample(tables, chance.randint(0, len(tables)))),
            number=chance.randint(0, 1),
            **spoiled(),
        )
        for name in chance.sample(["in", "out"], chance.randint(0, 2))
    ]
    used = {name for item in listeners for name in json.loads(item.body)["tables"]}
    return ProxyState(
        {
            CLUSTERS: type_state(
                *(
                    packed(name, eds=is_eds[name], number=chance.randint(0, 1), **spoiled())
                    for name in clusters
                )
            ),
            ENDPOINTS: type_state(
                *(packed(name, hosts=chance.randint(0, 3)) for name in clusters if is_eds[name])
            ),
            LISTENERS: type_state(*listeners),
            ROUTES: type_state(
                *(packed(name, clusters=some(), **spoiled()) for name in sorted(used))
            ),
        }
    )


def some_state() -> ProxyState:
    return random_state(random.Random(1), 0)  # noqa: S311  # repeatable, not secret


class Stream:
    """A session and a fake Envoy, joined by two queues."""

    def __init__(self, chance: random.Random, make: Callable[[ProxyHistory], AdsSession]) -> None:
        self.chance, self.make = chance, make
        self.history = ProxyHistory(600, 64)
        self.session = make(self.history)
        self.envoy = FakeEnvoy(chance)
        self.now = 0.0
        self.sent = 0

    def publish(self, state: ProxyState) -> None:
        self.now += 1
        self._send(self.session.publish(state, self.now))

    def reconnect(self) -> None:
        """Break the stream; another server that has the same history goes on."""
        wanted = self.session.wanted
        self.session = self.make(self.history)
        if wanted is not None:
            self.session.publish(wanted, self.now)
        self.envoy.connect()

    def steps(self) -> list[Callable[[], None]]:
        found: list[Callable[[], None]] = [
            partial(self.envoy.step, name) for name in self.envoy.steps()
        ]
        return [*found, self._deliver] if self.envoy.outbox else found

    def settle(self) -> None:
        for _ in range(MAX_STEPS):
            steps = self.steps()
            if not steps:
                return
            self.chance.choice(steps)()
        raise AssertionError("the stream does not come to rest")

    def _deliver(self) -> None:
        self._send(self.session.receive(self.envoy.outbox.popleft(), self.now))

    def _send(self, responses: list[DiscoveryResponse]) -> None:
        self.sent += len(responses)
        self.envoy.inbox.extend(responses)


def run(seed: str, make: Callable[[ProxyHistory], AdsSession] = AdsSession) -> Stream:
    """Run one random course of events, and end it with a state that is good."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    stream = Stream(chance, make)
    bad = chance.choice((0, 0, 0.1))
    for _ in range(chance.randint(1, 6)):
        stream.publish(random_state(chance, bad))
        if chance.random() < 0.15:
            stream.reconnect()
        for _ in range(chance.choice((0, 3, 12, MAX_STEPS))):
            steps = stream.steps()
            if not steps:
                break
            chance.choice(steps)()
    stream.publish(random_state(chance, 0))
    stream.settle()
    return stream


def seeds() -> Iterator[str]:
    number = amount("courses of a proxy's stream", test=150, full=50_000)
    return (f"{SEED} {index}" for index in range(number))


def test_no_request_goes_to_a_cluster_that_is_not_warm() -> None:
    for seed in seeds():
        stream = run(seed)
        assert not stream.envoy.failures, (seed, stream.envoy.failures[0])
        assert stream.session.is_settled, seed
        wanted, envoy = stream.session.wanted, stream.envoy
        assert wanted is not None
        assert envoy.warm == wanted[CLUSTERS].resources, seed
        listeners = {name: item.resource for name, item in envoy.listeners.items()}
        assert listeners == wanted[LISTENERS].resources, seed
        tables = {n: t for item in envoy.listeners.values() for n, t in item.tables.items()}
        assert tables == wanted[ROUTES].resources, seed


def test_an_unknown_type_and_an_old_answer_are_ignored() -> None:
    session = AdsSession(ProxyHistory(600, 8), some_state())
    assert session.receive(DiscoveryRequest("unknown"), 0) == []
    (response,) = session.receive(DiscoveryRequest(CLUSTERS), 0)
    assert session.receive(DiscoveryRequest(CLUSTERS, nonce=response.nonce + "0"), 0) == []
    assert not session.is_settled


def test_a_proxy_that_reconnects_is_sent_nothing() -> None:
    for number in range(20):
        stream = run(f"restart {number}")
        wanted, before = stream.session.wanted, stream.sent
        assert wanted is not None
        # A server that has just started knows only the state itself.
        stream.history = ProxyHistory(600, 64)
        stream.reconnect()
        stream.settle()
        assert (stream.sent, stream.session.is_settled) == (before, True)
        assert not stream.envoy.failures


def test_a_node_that_is_not_known_yet_is_served_once_it_is() -> None:
    stream = Stream(random.Random(3), AdsSession)  # noqa: S311  # repeatable, not secret
    stream.settle()
    assert (stream.sent, stream.session.is_settled) == (0, False)
    stream.publish(some_state())
    stream.settle()
    assert stream.session.is_settled


def test_what_is_rejected_is_not_sent_again_and_the_next_state_heals() -> None:
    session = AdsSession(ProxyHistory(600, 64))
    bad = ProxyState({CLUSTERS: type_state(packed("c", bad=True))})
    good = ProxyState({CLUSTERS: type_state(packed("c", bad=False))})
    session.publish(bad, 0)
    (response,) = session.receive(DiscoveryRequest(CLUSTERS), 0)
    rejection = DiscoveryRequest(CLUSTERS, "", response.nonce, error="c is bad")
    assert session.receive(rejection, 1) == []
    assert session.publish(bad, 2) == []
    assert session.receive(DiscoveryRequest(LISTENERS), 2) == []
    assert session.progress[CLUSTERS].error == "c is bad"
    (response,) = session.publish(good, 3)
    session.receive(DiscoveryRequest(CLUSTERS, response.version, response.nonce), 3)
    assert session.progress[CLUSTERS].error == ""


def test_a_history_forgets_after_its_time() -> None:
    history = ProxyHistory(600, 2)
    contents = [type_state(packed("c", number=number)) for number in range(4)]
    history.add(CLUSTERS, contents[0], 0)
    history.add(CLUSTERS, contents[1], 700)
    # It was served until now, so a proxy that reconnects has it.
    assert history.find(CLUSTERS, contents[0].version, ()) is contents[0]
    history.add(CLUSTERS, contents[2], 1301)
    assert history.find(CLUSTERS, contents[0].version, ()) is None
    assert history.find(CLUSTERS, contents[1].version, ()) is contents[1]
    history.add(CLUSTERS, contents[3], 1302)
    assert history.find(CLUSTERS, contents[1].version, ()) is None


class WithoutOrder(AdsSession):
    """Removes clusters at once."""

    def _beside_those_in_use(self, wanted: ProxyState) -> TypeState:
        return wanted[CLUSTERS]


class WithoutWaiting(AdsSession):
    """Sends routes before the clusters are acknowledged."""

    def _has_warmed(self, *_: object) -> bool:
        return True


class WithoutRepeating(AdsSession):
    """Does not answer a request that is repeated, and repeats no endpoints."""

    def _repeat_endpoints(self, *_: object) -> None:
        for progress in self.progress.values():
            progress.must_answer = False


class WithoutHistory(AdsSession):
    """Takes a proxy that reconnects for a new one."""

    def _resume(self, progress: TypeProgress, *_: object) -> None:
        progress.must_answer = True


class BelievingRejections(AdsSession):
    """Takes what a proxy rejected for what it had before."""

    def receive(self, request: DiscoveryRequest, now: float) -> list[DiscoveryResponse]:
        responses = super().receive(request, now)
        for progress in self.progress.values():
            progress.rejected_version = ""
        return responses


@pytest.mark.unmeasured
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "ablated",
    [WithoutOrder, WithoutWaiting, WithoutRepeating, WithoutHistory, BelievingRejections],
)
def test_each_rule_is_needed(ablated: type[AdsSession]) -> None:
    def is_broken(seed: str) -> bool:
        try:
            stream = run(seed, ablated)
        except AssertionError:
            # It sends the same response for ever.
            return True
        return bool(stream.envoy.failures) or not stream.session.is_settled

    assert any(is_broken(f"ablation {number}") for number in range(3_000))
