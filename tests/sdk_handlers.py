"""Remembers what the SDK asks about the handlers that it registers for each session.

They are the same ones each time, and the answers take a fifth of the time of a command in this
process.
"""

from functools import cache
from types import FunctionType
from typing import Any

from botocore import hooks

_aliased = hooks.EventAliaser._alias_event_name  # noqa: SLF001  # it has no public name
_accepts_kwargs = hooks.accepts_kwargs
_of_functions = cache(_accepts_kwargs)


def remember() -> None:
    """Remember the names of events and the parameters of functions, for all sessions."""
    # All sessions have the same aliases; an aliaser remembers those of its own session.
    shared = hooks.EventAliaser(hooks.HierarchicalEmitter())

    def alias(_: Any, name: str) -> Any:
        return _aliased(shared, name)

    def accepts(handler: Any) -> Any:
        # A method would keep its object.
        return (_of_functions if isinstance(handler, FunctionType) else _accepts_kwargs)(handler)

    hooks.EventAliaser._alias_event_name = alias  # noqa: SLF001  # as above
    hooks.accepts_kwargs = accepts
