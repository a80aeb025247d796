"""Converts the API description of this package into the models that botocore needs for clients.

botocore removes the models of discontinued services, and App Mesh is one. So clients are always
created from this package and never from botocore's own copy.
"""

import gzip
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader

from reconciler.api import (
    ApiError,
    Boolean,
    Description,
    ListOf,
    Member,
    Number,
    Operation,
    Shape,
    Structure,
    Text,
    Timestamp,
    load,
)

SERVICE = "appmesh"
TAGGING = "resourcegroupstaggingapi"
_ERROR_MESSAGE = "ErrorMessage"


class PlainFileLoader(JSONFileLoader):  # type: ignore[misc]  # botocore ships no types
    """Reads the files of the SDK into plain dicts, which keep their order too.

    botocore makes an OrderedDict of each object, also of the 1.2 MB of endpoints in every run.
    """

    def load_file(self, file_path: str) -> Any:
        """Return the content of the file, or None if there is none; ``file_path`` has no suffix."""
        for suffix, open_file in ((".json", open), (".json.gz", gzip.open)):
            if Path(f"{file_path}{suffix}").is_file():
                with open_file(f"{file_path}{suffix}", "rb") as file:
                    return json.load(file)
        return None


class DescriptionLoader(Loader):  # type: ignore[misc]  # botocore ships no types
    """botocore's loader, with App Mesh from the description of this package.

    The responses of the tagging API are parsed by this package too: botocore walks all tags by
    their shapes.
    """

    FILE_LOADER_CLASS = PlainFileLoader

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002
        """Return App Mesh and the services that have a directory; ignores `type_name`.

        botocore's own method reads each of four hundred directories, in every run again. A missing
        type is still detected when it is loaded.
        """
        return [*_available_services(tuple(self.search_paths))]

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """Return the model of a service.

        Raises:
            DataNotFoundError: there is no model of that type.
        """
        if service_name != SERVICE:
            model = super().load_service_model(service_name, type_name, api_version)
            if service_name == TAGGING and type_name == "service-2":
                model["operations"]["GetResources"].pop("output", None)
            return model
        if type_name not in _MODELS:
            raise DataNotFoundError(data_path=f"{service_name}/{type_name}")
        return _model(type_name)


@cache
def _available_services(directories: tuple[str, ...]) -> tuple[str, ...]:
    existing = (directory for directory in map(Path, directories) if directory.is_dir())
    names = (entry.name for directory in existing for entry in directory.iterdir())
    return tuple(sorted({SERVICE, *names}))


@cache
def shared_loader() -> DescriptionLoader:
    """Return the loader of all sessions: it parses each file of the SDK once."""
    return DescriptionLoader()


def service_model(description: Description) -> dict[str, Any]:
    """Return the ``service-2`` model of the described API, without the shapes of responses.

    Responses are parsed by this package: botocore drops unknown members, takes an HTML page for an
    empty response, and fails with unspecific errors on JSON of an unexpected type.
    """
    service = description.service
    shapes = {name: _shape(shape) for name, shape in description.shapes.items()}
    for operation in description.operations.values():
        if "spec" in operation.body:
            # Specs are already validated, and may contain unknown live fields that are passed on.
            shapes[operation.body["spec"].shape.name] = {**_structure({}, {}), "document": True}
    shapes[_ERROR_MESSAGE] = {"type": "string"}
    shapes |= {name: _error(error) for name, error in description.errors.items()}
    for operation in description.operations.values():
        shapes[operation.request.name] = _request(operation)
    return {
        "version": "2.0",
        "metadata": {
            "apiVersion": service.version,
            "endpointPrefix": service.endpoint,
            "jsonVersion": "1.1",
            "protocol": service.protocol,
            "protocols": [service.protocol],
            "serviceFullName": f"AWS {service.id}",
            "serviceId": service.id,
            "signatureVersion": "v4",
            "signingName": service.signing,
            "uid": f"{service.endpoint}-{service.version}",
            "auth": ["aws.auth#sigv4"],
        },
        "operations": {
            name: {
                "name": name,
                "http": {
                    "method": operation.method,
                    "requestUri": operation.path,
                    "responseCode": 200,
                },
                "input": {"shape": operation.request.name},
                "errors": [{"shape": error.name} for error in operation.errors],
            }
            for name, operation in description.operations.items()
        },
        "shapes": shapes,
    }


def endpoint_rules(description: Description) -> dict[str, Any]:
    """Return botocore's endpoint rules: the URL if one is given, else the host of the region."""
    host = f"https://{description.service.endpoint}.{{Region}}.{{partition#dnsSuffix}}"
    partition = {"fn": "aws.partition", "argv": [{"ref": "Region"}], "assign": "partition"}
    return {
        "version": "1.0",
        "parameters": {
            "Region": {"type": "String", "builtIn": "AWS::Region", "required": False},
            "Endpoint": {"type": "String", "builtIn": "SDK::Endpoint", "required": False},
        },
        "rules": [
            {
                "type": "endpoint",
                "conditions": [{"fn": "isSet", "argv": [{"ref": "Endpoint"}]}],
                "endpoint": {"url": {"ref": "Endpoint"}, "properties": {}, "headers": {}},
            },
            {
                "type": "endpoint",
                "conditions": [{"fn": "isSet", "argv": [{"ref": "Region"}]}, partition],
                "endpoint": {"url": host, "properties": {}, "headers": {}},
            },
            {"type": "error", "conditions": [], "error": "no region given"},
        ],
    }


def _shape(shape: Shape) -> dict[str, Any]:
    match shape:
        case Structure():
            return _structure(shape.members, {}) | ({"union": True} if shape.union else {})
        case ListOf():
            return {"type": "list", "member": {"shape": shape.item.name}} | _bounds(
                shape.min_items, shape.max_items
            )
        case Text():
            values = {"enum": list(shape.values)} if shape.values else {}
            return {"type": "string"} | values | _bounds(shape.min_length, shape.max_length)
        case Number():
            return {"type": shape.type} | _bounds(shape.minimum, shape.maximum)
        case Boolean():
            return {"type": "boolean"}
        case Timestamp():
            return {"type": "timestamp"}


def _bounds(minimum: int | None, maximum: int | None) -> dict[str, int]:
    bounds = {"min": minimum, "max": maximum}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _request(operation: Operation) -> dict[str, Any]:
    locations = {name: {"location": "uri", "locationName": name} for name in operation.uri}
    locations |= {
        name: {"location": "querystring", "locationName": name} for name in operation.query
    }
    return _structure(operation.request.members, locations)


def _structure(
    members: Mapping[str, Member], locations: Mapping[str, dict[str, str]]
) -> dict[str, Any]:
    return {
        "type": "structure",
        "required": [name for name, member in members.items() if member.required],
        "members": {
            name: {"shape": member.shape.name}
            | locations.get(name, {})
            | ({"idempotencyToken": True} if _is_token(member.shape) else {})
            for name, member in members.items()
        },
    }


def _is_token(shape: Shape) -> bool:
    return isinstance(shape, Text) and shape.idempotency


def _error(error: ApiError) -> dict[str, Any]:
    retry = {"retryable": {"throttling": error.retry == "throttling"}} if error.retry else {}
    return {
        "type": "structure",
        "members": {"message": {"shape": _ERROR_MESSAGE}},
        "error": {"httpStatusCode": error.status},
        "exception": True,
    } | retry


_MODELS = {"service-2": service_model, "endpoint-rule-set-1": endpoint_rules}


@cache
def _model(type_name: str) -> Any:
    return _MODELS[type_name](load())
