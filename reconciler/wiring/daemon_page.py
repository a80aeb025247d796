"""The documents that the page of the daemon reads besides its status."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from reconciler import limits
from reconciler.core.resources import Json, Key, canonical_json
from reconciler.core.run_record import parse_head, parse_record
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.resource_sides import resource_sides
from reconciler.history.history_file import HistoryFiles
from reconciler.history.recorder import list_runs
from reconciler.known_secrets import redacted, shown
from reconciler.render import history as history_output
from reconciler.render.page_documents import resource_document, status_graph
from reconciler.source.forge_links import file_link
from reconciler.source.git_url import is_git, parse_address
from reconciler.web.status_app import ReadDocument

Query = Mapping[str, str]

# A run has a line at its start, at its end and for its failure. A request for another run than the
# listed ones must not read the whole history.
_LINES_OF_A_RUN = 3


def daemon_documents(
    history: HistoryFiles | None,
    records: Callable[[], Sequence[Json]],
    sources: Callable[[], Sequence[str]],
    target: str | None = None,
) -> dict[str, ReadDocument]:
    """Return the documents by path.

    Args:
        history: The history; None if the daemon keeps none.
        records: Returns the last records of the log, the oldest first.
        sources: Returns the paths or the address of the source.
        target: Only runs on this target are listed; None for all.
    """

    def resource(status: DaemonStatus, query: Query) -> str | None:
        key = _key(query.get("key", ""))
        sides = resource_sides(status, key) if key else None
        if key is None or sides is None:
            return None
        return _json(resource_document(sides, _link(status, key, sources()), redacted))

    return {
        "/graph": lambda status, _: _json(status_graph(status)),
        "/resource": resource,
        "/log": lambda _, __: _json({"events": list(records())}),
        "/runs": lambda _, __: _runs(history, target),
        "/run": lambda _, query: _run(history, query.get("id", "")),
    }


def _json(document: Json) -> str:
    return canonical_json(document) + "\n"


def _key(text: str) -> Key | None:
    try:
        return Key.parse(text)
    except ValueError:
        return None


def _link(status: DaemonStatus, key: Key, sources: Sequence[str]) -> str | None:
    """Return the URL of the manifest on the forge, if the source is a repository there."""
    manifest = status.desired.get(key)
    if manifest is None or status.revision is None or not is_git(sources[0]):
        return None
    return file_link(parse_address(sources[0]), status.revision, manifest.origin)


def _runs(history: HistoryFiles | None, target: str | None) -> str:
    if history is None:
        return _json({"runs": None})
    try:
        runs = (run for run in list_runs(history) if target in (None, run.target))
        return history_output.list_as_json(islice(runs, limits.MAX_SHOWN_RUNS))
    except OSError as error:
        return _json({"runs": None, "error": f"reading the history: {shown(error)}"})


def _run(history: HistoryFiles | None, run: str) -> str | None:
    """Return one of the last runs; its last record is found first."""
    if history is None:
        return None
    try:
        for line in islice(history.lines(), _LINES_OF_A_RUN * limits.MAX_SHOWN_RUNS):
            head = parse_head(line)
            if head and head.run == run and (record := parse_record(line)):
                return history_output.run_as_json(record)
    except OSError:
        # The list of runs has the reason.
        return None
    return None
