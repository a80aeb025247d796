"""The explanation of a proxy names everything that its configuration does."""

from envoy.test_scenarios import SCENARIOS, desired, translate_all

from reconciler.envoy.explain import explain


def test_every_scenario_is_explained() -> None:
    configs = [config for path in SCENARIOS for config in translate_all(desired(path)).values()]
    words = "\n".join(line for config in configs for line in explain(config))
    for part in (
        "every other port: closed", "every other port: connections to", "status 503",
        "no route: 404", "header x-color has prefix gr", "header x-color ~ ^(r|g)",
        "not header x-none is present", "from 1 below 10", "path becomes /r", "idle timeout 30s",
        "TLS, validated", "outlier detection", "health checks", "no endpoint: 503", "plain text",
        "query color is blue", "[::]:15000", "host becomes app.local", "path ~ /jazz",
    ):  # fmt: skip
        assert part in words, part
