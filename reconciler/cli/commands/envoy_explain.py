"""The envoy explain command: shows the configuration of one proxy to a reader."""

from reconciler.cli.command import Invocation
from reconciler.cli.commands.envoy_export import read_proxies
from reconciler.cli.output import print_complete_result
from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import shorten_list
from reconciler.envoy.explain import explain


def run(invocation: Invocation) -> int:
    """Print the ports, routes, clusters and losses of the proxy that matches the key."""
    configs = read_proxies(invocation)
    patterns = " ".join(invocation.keys)
    matching = [key for key in configs if any(map(key.matches, invocation.keys))]
    if len(matching) != 1:
        found = shorten_list(matching or [*configs])
        problem = f"matches {len(matching)} proxies" if matching else "matches no proxy"
        raise UsageError(f"{patterns} {problem}: use one of {found or 'a source with nodes'}")
    lines = explain(configs[matching[0]])
    print_complete_result("".join(f"{escaped(line)}\n" for line in lines))
    return ExitCode.OK
