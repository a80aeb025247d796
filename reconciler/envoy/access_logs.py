"""Access logs; a listener whose log has a format that Envoy would reject has none."""

from reconciler.core.envoy_syntax import log_formats
from reconciler.envoy.losses import Place, RefusedError
from reconciler.envoy.messages import Message, Part, extension

_FILE_LOG = "envoy.extensions.access_loggers.file.v3.FileAccessLog"


def access_logs(spec: Part, place: Place) -> list[Message]:
    """Return the access logs of a virtual node or gateway; a refused one is not written."""
    file = spec.get("logging", {}).get("accessLog", {}).get("file")
    if file is None:
        return []
    place = place / "logging" / "accessLog" / "file"
    try:
        log_format = _log_format(file.get("format", {}), place / "format")
    except RefusedError:
        return []
    return [extension("envoy.access_loggers.file", _FILE_LOG, {"path": file["path"], **log_format})]


def _log_format(log_format: Part, place: Place) -> Message:
    if "text" in log_format:
        text = _checked(log_format["text"], place / "text")
        return {"log_format": {"text_format_source": {"inline_string": text}}}
    if "json" in log_format:
        place /= "json"
        fields: Message = {}
        for index, pair in enumerate(log_format["json"]):
            if pair["key"] in fields:
                (place / index / "key").warn(f"the key {pair['key']} is there twice; the last wins")
            fields[pair["key"]] = _checked(pair["value"], place / index / "value")
        return {"log_format": {"json_format": fields}}
    return {}


def _checked(text: str, place: Place) -> str:
    """Return ``text`` if Envoy knows all its operators.

    Raises:
        RefusedError: It has an operator that Envoy does not know.
    """
    if reason := log_formats.problem(text):
        raise place.refusal(reason)
    return text
