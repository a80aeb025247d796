"""Table of all commands: group, help text, examples and exit codes.

``--help`` prints this table, so it must not import the modules of the commands: boto3 alone takes
longer than the whole of ``--help``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import click

from reconciler.core.exit_codes import ExitCode

GROUPS = ("Reconcile", "Inspect", "Ownership", "Daemon", "Endpoint and tools", "Envoy")

# Examples of the top-level help.
EXAMPLES = ("plan manifests --target local", "plan --help")

_PATH = """PATH is a file, a directory, - for standard input, or a git repository such as
git+https://HOST/REPO.git?ref=main&path=DIR. Default: the source of the target, or manifests/."""
# Standard input cannot be watched.
_WATCHED_PATH = _PATH.replace(" - for standard input,", "")
_KEY = "KEY is such as mesh/payments or virtual-node/payments/web. Globs are allowed."

_ALWAYS = (ExitCode.OK, ExitCode.ERROR, ExitCode.USAGE, ExitCode.INTERRUPTED)
_WRITE = (
    *_ALWAYS,
    ExitCode.PARTIAL,
    ExitCode.WITHHELD,
    ExitCode.STALE,
    ExitCode.LOCKED,
    ExitCode.TERMINATED,
)


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """Help of one command.

    Attributes:
        summary: One sentence of at most 66 characters.
        examples: Arguments after ``reconciler``.
        exit_codes: All codes that the command can return.
        details: Arguments and other facts, below the summary.
        code_details: Text after the general meaning of a code, only in this command.
    """

    group: str
    summary: str
    examples: tuple[str, str]
    exit_codes: tuple[ExitCode, ...]
    details: str = ""
    code_details: Mapping[ExitCode, str] = field(default_factory=dict)

    def meaning_of(self, code: ExitCode) -> str:
        """Return the meaning of a code that this command returns."""
        return f"{code.meaning}{self.code_details.get(code, '')}"


# The order is that of --help and of the completion in shells.
COMMANDS = {
    "validate": CommandHelp(
        "Reconcile",
        "Check manifests and print all diagnostics; contacts no target.",
        ("validate manifests", "validate manifests --strict --format sarif"),
        (*_ALWAYS, ExitCode.MANIFESTS),
        _PATH,
    ),
    "plan": CommandHelp(
        "Reconcile",
        "Show the changes that apply would make, without making them.",
        ("plan manifests --target local", "plan --target staging --policy sync --out plan.json"),
        (*_ALWAYS, ExitCode.PENDING, ExitCode.WITHHELD, ExitCode.LOCKED, ExitCode.MANIFESTS),
        _PATH,
        code_details={ExitCode.PENDING: ", with --detailed-exitcode"},
    ),
    "show": CommandHelp(
        "Reconcile",
        "Print a saved plan.",
        ("show plan.json", "show plan.json --format markdown"),
        (*_ALWAYS, ExitCode.WITHHELD),
        "PLANFILE is a file that --out of plan or ci wrote. No target and no manifest is read.",
    ),
    "apply": CommandHelp(
        "Reconcile",
        "Plan, ask for confirmation, and make the changes.",
        ("apply manifests --target local", "apply --plan plan.json --auto-approve"),
        (*_WRITE, ExitCode.PENDING, ExitCode.MANIFESTS),
        _PATH,
        code_details={
            ExitCode.PENDING: ": a target was not reached, because its rollout stopped",
            ExitCode.PARTIAL: "; with --wait-proxies also: a proxy did not acknowledge the changes",
        },
    ),
    "ci": CommandHelp(
        "Reconcile",
        "Validate, review, apply or watch as a GitHub or GitLab CI job.",
        ("ci manifests --target staging", "ci --target staging --expect FINGERPRINT"),
        (*_WRITE, ExitCode.PENDING, ExitCode.MANIFESTS),
        f"""The event of the job selects the task; the first line of the output says which one runs.

A pull or merge request is validated and planned, and a comment shows the plan. A request from a
fork is only validated. A push to the default branch applies the reviewed plan. On a schedule, a
difference between manifests and live state exits with 2. A manual run does the same; with --expect,
it applies that plan.

{_PATH}""",
    ),
    "get": CommandHelp(
        "Inspect",
        "List live resources, or print their specs.",
        ("get 'virtual-node/payments/*' --target staging", "get mesh/payments --format yaml"),
        (*_ALWAYS, ExitCode.LOCKED),
        f"{_KEY} Default: all resources.\n\nNo manifest is read.",
    ),
    "diff": CommandHelp(
        "Inspect",
        "Compare a live resource with its manifest, as YAML.",
        ("diff route/payments/edge/v1 --target staging", "diff mesh/payments manifests"),
        (*_ALWAYS, ExitCode.LOCKED, ExitCode.MANIFESTS),
        f"""{_KEY} It must match one resource. {_PATH}

On a terminal of 80 columns or more, live is on the left and desired on the right. Otherwise, the
output is a unified diff. Differences do not change the exit code.""",
    ),
    "describe": CommandHelp(
        "Inspect",
        "Show the desired, live and withheld state of one resource.",
        (
            "describe mesh/payments --target local",
            "describe virtual-node/payments/web --format json",
        ),
        (*_ALWAYS, ExitCode.WITHHELD, ExitCode.LOCKED, ExitCode.MANIFESTS),
        f"{_KEY} It must match one resource.\n\n"
        "The result is that of a plan of the whole source, because some guards count changes.",
    ),
    "graph": CommandHelp(
        "Inspect",
        "Draw the meshes as a graph, also with the changes of a plan.",
        ("graph manifests", "graph manifests --target staging --planned --format mermaid"),
        (*_ALWAYS, ExitCode.LOCKED, ExitCode.MANIFESTS),
        f"""Draws the manifests and contacts no target. With --live, it draws the live resources of
the target. With --planned, it makes a plan and marks its changes in the desired state.

{_PATH} The options of guards apply to the plan of --planned. This plan is limited by --only and
--except; without --planned, they select the resources to draw, with their neighbors.""",
    ),
    "history": CommandHelp(
        "Inspect",
        "List the recorded runs that wrote or failed, or show one.",
        ("history --since 7d --key 'route/shop/*'", "history 20261130-0812"),
        _ALWAYS,
        """Without RUN, all runs are listed, the latest first. RUN is the id of a run, or its first
characters. Times are in UTC.""",
    ),
    "doctor": CommandHelp(
        "Inspect",
        "Check settings, credentials, permissions and quotas.",
        ("doctor --target aws --region eu-west-1", "doctor --target staging --format json"),
        _ALWAYS,
        "It writes nothing, so it cannot check permissions to write.",
    ),
    "adopt": CommandHelp(
        "Ownership",
        "Take ownership of live resources that have no owner.",
        ("adopt 'mesh/*' --target local", "adopt virtual-node/payments/web --accept-changes"),
        (*_WRITE, ExitCode.MANIFESTS),
        f"{_KEY} The manifests are those of the target's source, or of manifests/.\n\n"
        "Pass --accept-changes to also adopt resources that differ from their manifest.",
    ),
    "release": CommandHelp(
        "Ownership",
        "Give up ownership of live resources, without deleting them.",
        ("release mesh/payments --target local", "release 'route/*' --auto-approve"),
        _WRITE,
        f"{_KEY}\n\nIf a manifest still has the resource, the next plan reports it as unowned.",
    ),
    "export": CommandHelp(
        "Ownership",
        "Write native manifests of live resources, one file for each.",
        ("export --target local --to exported", "export 'route/*' --to exported --tag team=web"),
        (*_ALWAYS, ExitCode.WITHHELD, ExitCode.LOCKED),
        f"{_KEY} Default: all resources. No existing file is overwritten.\n\n"
        "After adoption, exported manifests yield no changes.",
    ),
    "run": CommandHelp(
        "Daemon",
        "Reconcile on every change and on an interval, until stopped.",
        ("run manifests --target staging --interval 30", "run manifests --target local --once"),
        (*_WRITE, ExitCode.MANIFESTS),
        _WATCHED_PATH,
    ),
    "status": CommandHelp(
        "Daemon",
        "Show the status of all resources, from a running daemon.",
        ("status", "status --url http://127.0.0.1:9180 --format json"),
        _ALWAYS,
    ),
    "reconcile": CommandHelp(
        "Daemon",
        "Make a running daemon run a cycle now, and wait for its end.",
        ("reconcile", "reconcile --url http://127.0.0.1:9180 --token-file token"),
        (
            *_ALWAYS,
            ExitCode.PENDING,
            ExitCode.PARTIAL,
            ExitCode.WITHHELD,
            ExitCode.STALE,
            ExitCode.LOCKED,
            ExitCode.MANIFESTS,
        ),
        "The exit code is that of the cycle.",
        code_details={ExitCode.PENDING: ": the target waits for its wave of the rollout"},
    ),
    "rollout": CommandHelp(
        "Daemon",
        "Show, hold or resume the rollout of a running daemon.",
        ("rollout", "rollout hold --url http://127.0.0.1:9180"),
        _ALWAYS,
        """hold lets no further target take the new revision; targets that have it keep it. resume
ends that, and a stop by a target that failed, drifted or had changes withheld.""",
    ),
    "notify test": CommandHelp(
        "Daemon",
        "Send one notification to each receiver of reconciler.toml.",
        ("notify test", "notify test --config reconciler.toml"),
        (ExitCode.OK, ExitCode.ERROR, ExitCode.USAGE),
    ),
    "endpoint": CommandHelp(
        "Endpoint and tools",
        "Serve a local App Mesh API, until stopped.",
        ("endpoint", "endpoint --data :memory: --quotas aws"),
        (ExitCode.OK, ExitCode.ERROR, ExitCode.LOCKED, ExitCode.USAGE),
        """Any App Mesh client can use it: reconciler, the aws command line, boto3, Terraform.

copy serves nothing: it copies all data from --from to --to, checks it and exits.""",
    ),
    "schema": CommandHelp(
        "Endpoint and tools",
        "Print the JSON Schema of manifests, plans or reports.",
        ("schema > manifest.schema.json", "schema --of plan"),
        _ALWAYS,
    ),
    "explain": CommandHelp(
        "Endpoint and tools",
        "Explain the code of a diagnostic, or an exit code.",
        ("explain MR060", "explain 5"),
        (ExitCode.OK, ExitCode.USAGE, ExitCode.INTERRUPTED),
        "CODE is the code of a diagnostic, or the number or name of an exit code.",
    ),
    "envoy export": CommandHelp(
        "Envoy",
        "Write the configuration of all proxies as files.",
        ("envoy export envoys manifests", "envoy export envoys --watch --instances instances.yaml"),
        (*_ALWAYS, ExitCode.TERMINATED, ExitCode.LOCKED, ExitCode.MANIFESTS),
        """DIR gets MESH/KIND/NAME for each virtual node and gateway, with bootstrap.yaml
for envoy -c. PATH is a file or a directory of manifests. Default: the source of the target, or
manifests/. Fields that Envoy gets differently or not at all are printed; with a refused field, the
connection fails instead of being less safe.""",
    ),
    "envoy explain": CommandHelp(
        "Envoy",
        "Show the ports, routes, clusters and losses of one proxy.",
        (
            "envoy explain virtual-node/payments/web",
            "envoy explain virtual-gateway/payments/edge --live",
        ),
        (*_ALWAYS, ExitCode.LOCKED, ExitCode.MANIFESTS),
        f"{_KEY} It must match one virtual node or gateway.",
    ),
    "envoy bootstrap": CommandHelp(
        "Envoy",
        "Print the bootstrap of one proxy, for envoy -c.",
        (
            "envoy bootstrap virtual-node/shop/web --files /srv/envoys",
            "envoy bootstrap virtual-node/shop/web --xds unix:/run/xds.sock",
        ),
        _ALWAYS,
        "KEY is that of a virtual node or gateway. Pass either --files or --xds.",
    ),
    "envoy serve": CommandHelp(
        "Envoy",
        "Serve Envoys from the data of an endpoint, until stopped.",
        (
            "envoy serve --xds unix:/run/xds.sock",
            "envoy serve --store postgresql://db/mesh --xds unix:/run/xds.sock",
        ),
        (ExitCode.OK, ExitCode.ERROR, ExitCode.USAGE),
        """It only reads, so any number can run beside the endpoint. endpoint --xds does the same in
the process of the endpoint.""",
    ),
    "envoy proxies": CommandHelp(
        "Envoy",
        "Show the connected Envoys and their acknowledgments.",
        ("envoy proxies", "envoy proxies --url http://127.0.0.1:8080 --format json"),
        _ALWAYS,
        "The endpoint must serve Envoys: endpoint --xds.",
    ),
}


def write_examples(formatter: click.HelpFormatter, examples: Iterable[str]) -> None:
    """Write a section of ``examples``, each on one line."""
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':{formatter.current_indent}}$ reconciler {example}\n")
