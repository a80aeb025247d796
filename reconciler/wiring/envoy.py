"""Joins manifests, live resources and settings with the translation for Envoys."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import yaml

from reconciler import limits
from reconciler.core.diff import split_pointer
from reconciler.core.resources import Desired, Key, LiveResource
from reconciler.envoy.bootstrap import Address, file_bootstrap
from reconciler.envoy.files import ProxyFiles, proxy_directory, proxy_files, uses_sds
from reconciler.envoy.instances import read_instances
from reconciler.envoy.losses import Grade
from reconciler.envoy.messages import Message
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.snapshot import NO_INSTANCES, Snapshot
from reconciler.envoy.static import static_bootstrap
from reconciler.envoy.translate import Translator, all_losses
from reconciler.manifest.cross_checks import CrossCheckFailure
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.wiring.envoy_options import translate_options

_CODES = {
    Grade.REFUSE: Code.ENVOY_REFUSED,
    Grade.WARN: Code.ENVOY_CHANGED,
    Grade.INFO: Code.ENVOY_NOTE,
}


def translate_resources(
    resources: Iterable[Desired | LiveResource],
    instances_file: str | None,
    acm: Mapping[str, Mapping[str, str]],
) -> Mapping[Key, ProxyConfig]:
    """Return the configurations of all proxies of ``resources``.

    Raises:
        UsageError: The file of instances cannot be read or is invalid.
    """
    instances = NO_INSTANCES if instances_file is None else read_instances(instances_file)
    snapshot = Snapshot.from_resources(resources, instances)
    return Translator(snapshot, translate_options(acm)).translate_all()


def find_losses(
    resources: Iterable[Desired],
    instances_file: str | None,
    acm: Mapping[str, Mapping[str, str]],
) -> Iterator[tuple[Code, CrossCheckFailure]]:
    """Yield the losses of the translation of ``resources`` as failures of a check.

    Raises:
        UsageError: The file of instances cannot be read or is invalid.
    """
    for loss in all_losses(translate_resources(resources, instances_file, acm)):
        steps = tuple(int(it) if it.isdecimal() else it for it in split_pointer(loss.path))
        yield _CODES[loss.grade], CrossCheckFailure(loss.key, steps, loss.words)


def files_of(
    configs: Mapping[Key, ProxyConfig], root: Path, admin: Address | None
) -> list[ProxyFiles]:
    """Return the files of all proxies below ``root``."""
    root = root.absolute()
    found = []
    for key, config in configs.items():
        directory = Path(proxy_directory(PurePosixPath(root), key))
        bootstrap = file_bootstrap(key, PurePosixPath(directory), admin, uses_sds=uses_sds(config))
        found.append(proxy_files(config, directory, render_yaml(bootstrap)))
    return found


def render_yaml(message: Message) -> str:
    """Return a message as YAML."""
    text: str = yaml.dump(message, Dumper=_NoAliases, sort_keys=False, width=100)
    return text


def find_envoy() -> str | None:
    """Return the path of the Envoy on PATH, or None."""
    return shutil.which("envoy")


def rejection(envoy: str, config: ProxyConfig) -> str | None:
    """Return why an Envoy rejects the configuration of a proxy, or None if it accepts it."""
    with TemporaryDirectory() as directory:
        file = Path(directory, "bootstrap.json")
        bootstrap = static_bootstrap(config, lambda path: Path(path).is_file())
        file.write_text(json.dumps(bootstrap), "utf-8")
        try:
            done = subprocess.run(  # noqa: S603  # the Envoy on PATH, with a file of ours
                [envoy, "--mode", "validate", "-c", str(file), "-l", "error"],
                capture_output=True,
                text=True,
                check=False,
                timeout=limits.ENVOY_CHECK_TIMEOUT_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"running {envoy}: {error}"
    lines = (done.stderr + done.stdout).strip().splitlines()
    return None if done.returncode == 0 else (lines or ["no message"])[0]


class _NoAliases(yaml.SafeDumper):
    """Writes no aliases, which a reader would have to resolve."""

    def ignore_aliases(self, data: object) -> bool:
        """Return True."""
        del data
        return True
