"""The envoy bootstrap command: prints the bootstrap of one proxy."""

from pathlib import Path, PurePosixPath

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_complete_result
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.kinds import PROXY_KINDS
from reconciler.core.resources import Key
from reconciler.envoy.bootstrap import XdsTls, file_bootstrap, xds_bootstrap
from reconciler.envoy.files import proxy_directory
from reconciler.envoy.messages import Message
from reconciler.wiring.envoy import render_yaml
from reconciler.wiring.envoy_options import parse_address

_TLS_OPTIONS = ("xds_cert", "xds_key", "xds_ca")
_NAMES_IN_KEY = 2


def run(invocation: Invocation) -> int:
    """Print the bootstrap of a proxy whose configuration comes from files or from a server."""
    print_complete_result(render_yaml(_bootstrap(invocation, _key(invocation))))
    return ExitCode.OK


def _key(invocation: Invocation) -> Key:
    text = " ".join(invocation.keys)
    key = Key.parse(text)
    if key.kind not in PROXY_KINDS or len(key.path) != _NAMES_IN_KEY or not all(key.path):
        raise UsageError(f"{text} has no proxy: use virtual-node/MESH/NAME or virtual-gateway/…")
    return key


def _bootstrap(invocation: Invocation, key: Key) -> Message:
    admin, uses_sds = parse_address("admin", invocation["admin"]), invocation["sds"]
    if (len(invocation["xds"]) == 1) == (invocation["files"] is not None):
        raise UsageError("pass either --xds ADDRESS, once, or --files DIR")
    if invocation["files"] is not None:
        root = PurePosixPath(Path(invocation["files"]).absolute())
        return file_bootstrap(key, proxy_directory(root, key), admin, uses_sds=uses_sds)
    server = parse_address("xds", invocation["xds"][0])
    if server is None:
        raise UsageError('invalid --xds "none": use unix:PATH or HOST:PORT')
    files = [invocation[name] for name in _TLS_OPTIONS]
    if server.path and any(files):
        raise UsageError("--xds-cert, --xds-key and --xds-ca are only for --xds HOST:PORT")
    if not server.path and not all(files):
        raise UsageError(
            "--xds HOST:PORT needs --xds-cert, --xds-key and --xds-ca, because a server gives a "
            "configuration only to the proxy that it is for"
        )
    tls = None if server.path else XdsTls(*files)
    return xds_bootstrap(key, server, tls, admin, uses_sds=uses_sds)
