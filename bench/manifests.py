"""Benchmarks of reading manifests: many files, and hostile files."""

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from manifest_text import mesh_yaml

from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import load_manifests

HOSTILE_BYTES = 64 << 10
RUNS = 3
_HEAD = "apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata: {name: a}\n"
_MESH = "Resources: {M: {Type: AWS::AppMesh::Mesh, Properties: {MeshName: "
_ROUTE = _HEAD.replace("Mesh", "Route").replace("a}", "a, mesh: a, virtualRouter: a}")
_CONTROLLER = "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualService\nspec: {provider: {}}\n"
_STATE = '{"format_version": "1.0", "values": {"root_module": {"resources": ['

# The hostile files: the beginning, and a piece that is repeated up to the maximum size.
HOSTILE = {
    "brackets": ("", "["),
    "braces": ("", "{"),
    "lists in lists": ("", "- "),
    "keys of keys": ("", "? "),
    "mappings in lists": ("", "[a: "),
    "anchors": (f"{_HEAD}spec: [", "&a a,"),
    "aliases": (f"{_HEAD}spec: [", "*a,"),
    "tags": (f"{_HEAD}spec: [", "!a a,"),
    "short tags": (f"{_HEAD}spec: [", "!Ref a,"),
    "tag declarations": ("", "%TAG !a! b\n"),
    "equal keys": (_HEAD, "a: 1\n"),
    "faulty pointers": (f"{_HEAD}reconcile: {{ignore: [", "a,"),
    "variables": (f"{_HEAD}spec: [", "$a,"),
    "variables in one text": (f"{_HEAD}spec: '", "${e}"),
    "documents": ("", "--- a\n"),
    "empty documents": ("", "---\n"),
    "manifests": ("", f"{_HEAD}---\n"),
    "manifests of other tools": ("", "apiVersion: apps/v1\nkind: A\n---\n"),
    "items of a list": ("apiVersion: v1\nkind: List\nitems: [", "{},"),
    "targets of a route": (
        f"{_ROUTE}spec: {{tcpRoute: {{action: {{weightedTargets: [",
        "{virtualNode: a, weight: 0},",
    ),
    "objects of a cluster": ("", f"{_CONTROLLER}metadata: {{name: a, namespace: b}}\n---\n"),
    "tags of a request": ("meshName: a\ntags: [", "{key: a, value: b},"),
    "references": (f"{_MESH}a, Tags: [", "!Ref a,"),
    "a join": (f"{_MESH}!Join ['', [", "a,"),
    "a substitution": (f"{_MESH}!Sub '", "${AWS::Region}"),
    "sections": ("Resources: {}\n", "Resourcs: {}\n"),
    "keys of no format": ("", "nameofmeshes: {a: 1}\n---\n"),
    "a state": (_STATE, '{"type": "aws_appmesh_mesh", "values": {}},'),
    "escapes": ('{"meshName": "', "\\u0041"),
    "blanks": ("a:", " "),
    "line breaks": ('a: "', "\n"),
}
# The ends of files that are only hostile if they are complete.
_TAILS = {
    "faulty pointers": "]}\n",
    "short tags": "]\n",
    "anchors": "]\n",
    "tags": "]\n",
    "variables": "]\n",
    "variables in one text": "'\n",
    "items of a list": "]\n",
    "targets of a route": "]}}}\n",
    "tags of a request": "]\n",
    "references": "]}}}\n",
    "a join": "]]}}}\n",
    "a substitution": "'}}}\n",
    "a state": "{}]}}}\n",
    "escapes": '"}\n',
    "line breaks": '"\n',
}


def figures() -> Iterator[str]:
    """Yield a line for each figure, with its goal."""
    yield _validate(1_000, "0.8 s CPU")
    yield _validate(10_000, "6 s CPU and 300 MB")
    costs = {name: _cost(name) for name in HOSTILE}
    for label, index in (("slowest", 0), ("largest", 1)):
        name = max(costs, key=lambda name: costs[name][index])
        seconds, mebibytes = costs[name]
        figure = f"{seconds * 1000:4.0f} ms CPU  {mebibytes:4.1f} MiB"
        title = f"{label} of {len(costs)} hostile files"
        yield f"{title:<32} {figure}  ({name}, 64 KiB)   goal 100 ms CPU and 32 MiB"


def hostile(name: str) -> tuple[str, bytes]:
    """Return the name and the content of a hostile file, at most ``HOSTILE_BYTES`` long."""
    head, piece = HOSTILE[name]
    tail = _TAILS.get(name, "")
    count = (HOSTILE_BYTES - len(head) - len(tail)) // len(piece)
    file = "m.json" if head.startswith("{") else "m.yaml"
    return file, (head + piece * count + tail).encode()


def _cost(name: str) -> tuple[float, float]:
    """Return the CPU seconds and the MiB that are needed to read a hostile file."""
    file = hostile(name)
    inputs = Inputs({"e": "", "AWS::Region": ""})
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        load_manifests([file], inputs)
        times.append(time.process_time() - began)
    tracemalloc.start()
    load_manifests([file], inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return median(times), peak / (1 << 20)


def _validate(count: int, goal: str) -> str:
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root, "manifests")
        directory.mkdir()
        for number in range(count):
            text = mesh_yaml(f"mesh-{number}", team="payments")
            (directory / f"m{number}.yaml").write_text(text, "utf-8")
        # The first run warms the caches of the file system.
        runs = [_child(root) for _ in range(RUNS + 1)][1:]
    seconds, megabytes = (median(figures) for figures in zip(*runs, strict=True))
    title = f"validate {count:,} files"
    return f"{title:<32} {seconds:7.3f} s CPU  {megabytes:6.0f} MB   goal {goal}"


def _child(directory: str) -> tuple[float, float]:
    """Return the CPU seconds and the MB of one ``reconciler validate``."""
    command = [sys.executable, "-m", "reconciler", "validate"]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
