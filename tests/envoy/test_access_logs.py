"""Access logs: formats that Envoy knows, and others that are refused."""

import pytest
from builders import key
from envoy.envoys import Envoy, joined
from envoy.meshes import lines, listening, proxy

from reconciler.envoy.access_logs import access_logs
from reconciler.envoy.losses import Loss, Place
from reconciler.envoy.messages import Message

GOOD = (
    *("plain", "100%%", "%REQ(X?:PATH):10%", "%START_TIME(%s.%3f)%", "%FILTER_STATE(a:PLAIN):3%"),
    *("%DYNAMIC_METADATA(a:b)%", "%GRPC_STATUS(NUMBER)%", "%RESPONSE_CODE_DETAILS%", "%PROTOCOL%"),
)
BAD = (
    "%",
    "%NO_SUCH%",
    "%protocol%",
    "%PROTOCOL(x)%",
    "%REQ()%",
    "%REQ(a b)%",
    "%FILTER_STATE(a:b)%",
)


def logs_of(file: Message) -> tuple[list[Message], list[Loss]]:
    losses: list[Loss] = []
    spec = {"logging": {"accessLog": {"file": file}}}
    return access_logs(spec, Place(losses, key("virtual-node/m/a"))), losses


@pytest.mark.parametrize("text", GOOD)
def test_a_known_format_is_kept(text: str) -> None:
    (log,), losses = logs_of({"path": "/log", "format": {"text": text}})
    assert log["typed_config"]["log_format"]["text_format_source"]["inline_string"] == text
    assert losses == []


@pytest.mark.parametrize("text", BAD)
def test_an_unknown_operator_refuses_the_log(text: str) -> None:
    for place in ({"text": text}, {"json": [{"key": "k", "value": text}]}):
        logs, losses = logs_of({"path": "/log", "format": place})
        assert logs == []
        assert lines(losses)[0].startswith("refuse virtual-node/m/a/logging/accessLog/file/format/")


def test_the_last_of_two_equal_keys_wins_with_a_warning() -> None:
    pairs = [{"key": "k", "value": "one"}, {"key": "k", "value": "two"}]
    (log,), losses = logs_of({"path": "/log", "format": {"json": pairs}})
    assert log["typed_config"]["log_format"] == {"json_format": {"k": "two"}}
    assert lines(losses) == ["warn virtual-node/m/a/logging/accessLog/file/format/json/1/key"]


def test_without_a_format_envoy_uses_its_own() -> None:
    (log,), _ = logs_of({"path": "/log"})
    assert "log_format" not in log["typed_config"]


@pytest.mark.unmeasured
@pytest.mark.process
def test_envoy_knows_every_operator_that_we_let_pass(envoy: Envoy) -> None:
    from reconciler.core.envoy_syntax.log_formats import _OPERATORS, _is_known  # noqa: PLC0415

    plain = [f"%{name}%" for name in _OPERATORS if _is_known(name, "")]
    assert len(plain) > 70
    nodes = {}
    for number, text in enumerate([*plain, *GOOD]):
        log = {"logging": {"accessLog": {"file": {"path": "/log", "format": {"text": text}}}}}
        specs = {"mesh/m": {}, "virtual-node/m/a": {**listening("tcp", 80), **log}}
        nodes[key(f"virtual-node/m{number}/a")] = proxy(specs, "virtual-node/m/a")
    assert not envoy.rejection(joined(nodes))
