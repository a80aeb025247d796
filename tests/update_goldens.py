"""Writes the golden files of fixtures and renderings: ``python tests/update_goldens.py``.

Read the difference in git before you commit it: a golden file is a promise.
"""

from dataclasses import replace
from pathlib import Path

from sample_graphs import GOLDENS, PICTURE, examples_graph, rendered
from sample_plan import RENDERINGS

from reconciler.core.resources import canonical_json
from reconciler.manifest.inputs import Inputs, NameDefaults
from reconciler.manifest.loading import load_manifests
from reconciler.render.diagnostic_reports import text

FIXTURES = Path(__file__).parent / "manifest" / "fixtures"
SUFFIX = ".golden"
RENDERED = Path(__file__).parent / "render" / "golden"
GRAPHS = Path(__file__).parent / "render" / "golden_graphs"

# The only variables that fixtures may count on.
VARIABLES = {
    "STAGE": "test",
    "EMPTY": "",
    "PORT": "8080",
    "AWS::Region": "eu-west-1",
    "Team": "given",
    "Balancer": "arn:balancer",
    "Balancer.DNSName": "balancer.example",
    "Export:shared-vpc": "vpc-1",
}
INPUTS = Inputs(
    VARIABLES,
    (
        NameDefaults("nameless-*", {"meshName": "shop", "meshOwner": "111122223333"}),
        NameDefaults("nameless-route*", {"virtualRouterName": "edge", "routeName": "{stem}"}),
        NameDefaults("nameless-node*", {"virtualNodeName": "{stem}"}),
        NameDefaults("nameless-unclear*", {"virtualNodeName": "a", "virtualServiceName": "b"}),
        NameDefaults("owner-only*", {"meshOwner": "111122223333"}),
    ),
)


def fixtures() -> list[Path]:
    """Return every fixture, in order."""
    files = (path for path in FIXTURES.rglob("*") if path.is_file())
    return sorted(path for path in files if path.suffix != SUFFIX)


def inputs_of(fixture: Path) -> Inputs:
    """Return the values that ``fixture`` may count on."""
    return replace(INPUTS, namespace="default" if fixture.stem.startswith("default-") else "")


def golden_of(fixture: Path) -> Path:
    """Return the file with what ``fixture`` says."""
    return fixture.with_name(fixture.name + SUFFIX)


def result_of(fixture: Path) -> str:
    """Return what ``fixture`` says: its desired values, what is left alone, every complaint."""
    loaded = load_manifests([(fixture.name, fixture.read_bytes())], inputs_of(fixture))
    lines = []
    for desired in loaded.desired:
        lines.append(f"{desired.key}  from {desired.origin}")
        lines.append(f"  spec     {canonical_json(desired.spec)}")
        lines.append(f"  tags     {canonical_json(dict(desired.tags))}")
        lines.append(f"  options  {desired.options}")
    lines += [f"ignored: {count} x {what}" for what, count in loaded.ignored.items()]
    lines += text(loaded.diagnostics, color=False).splitlines()
    return "\n".join(lines or ["nothing at all"]) + "\n"


def main() -> None:
    """Write every golden file, and remove those without a fixture."""
    for old in FIXTURES.rglob(f"*{SUFFIX}"):
        old.unlink()
    for fixture in fixtures():
        golden_of(fixture).write_text(result_of(fixture), encoding="utf-8")
    for name, render in RENDERINGS.items():
        (RENDERED / name).write_text(render(), encoding="utf-8")
    for name, render in GOLDENS.items():
        (GRAPHS / name).write_text(render(), encoding="utf-8")
    PICTURE.write_text(rendered(examples_graph(), "svg"), encoding="utf-8")


if __name__ == "__main__":
    main()
