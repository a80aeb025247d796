"""Models with the field names of CloudFormation, Terraform and Kubernetes.

CloudFormation writes ``EgressFilter``, Terraform ``egress_filter`` with each object in a list of
one, and Kubernetes almost the same names as the API. The models are derived from those of the API,
so a new kind needs no code here.
"""

from collections.abc import Callable, Iterable
from copy import copy
from functools import cache
from types import new_class
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from reconciler.manifest.models.fields import api_name
from reconciler.manifest.models.validation import find_model
from reconciler.manifest.models.value_checks import InvalidValue
from reconciler.manifest.parsing.diagnostics import Code

M = TypeVar("M", bound=BaseModel)

FieldNaming: TypeAlias = Callable[[str, str], str]
"""Maps the name of a structure and its field in snake case to the field name of a format."""

_CAPITALS = frozenset({"acm", "dns", "grpc", "http", "http2", "sds", "tcp", "tls"})
_SINGULARS = {
    "backends": "backend",
    "headers": "header",
    "listeners": "listener",
    "query_parameters": "query_parameter",
    "weighted_targets": "weighted_target",
}
_KUBERNETES = {
    "certificate_arn": "certificateARN",
    "certificate_authority_arns": "certificateAuthorityARNs",
    "virtual_node_name": "virtualNodeRef",
    "virtual_router_name": "virtualRouterRef",
    "virtual_service_name": "virtualServiceRef",
}
_KUBERNETES_IN = {
    ("MeshSpec", "service_discovery"): "meshServiceDiscovery",
    ("WeightedTarget", "virtual_node"): "virtualNodeRef",
}


def cloudformation_name(_: str, field: str) -> str:
    """Return the field name in a CloudFormation template, which has some words in capitals."""
    if field in _CAPITALS:
        return field.upper()
    return "AWSCloudMap" if field == "aws_cloud_map" else to_pascal(field)


def terraform_name(_: str, field: str) -> str:
    """Return the field name of the Terraform provider, which is singular for a block."""
    return _SINGULARS.get(field, field)


def kubernetes_name(structure: str, field: str) -> str:
    """Return the field name of the Kubernetes controller, which has references, not names."""
    special = _KUBERNETES_IN.get((structure, field)) or _KUBERNETES.get(field)
    return special or api_name(field)


@cache
def rename_fields(model: type[M], naming: FieldNaming, *, in_blocks: bool = False) -> type[M]:
    """Return ``model`` with its fields, at any depth, renamed by ``naming``.

    With ``in_blocks``, each object is in a list of one, and an empty list means no object.
    """
    annotations: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = find_model(field.annotation)
        if inner is not None:
            twin: Any = rename_fields(inner, naming, in_blocks=in_blocks)
            fields[name] = copy(field)
            fields[name].annotation = annotations[name] = _with_twin(
                field.annotation, twin, in_blocks=in_blocks
            )
    namespace = {
        "__module__": model.__module__,
        "__doc__": model.__doc__,
        "__annotations__": annotations,
        "model_config": ConfigDict(
            alias_generator=lambda name: naming(model.__name__, name.rstrip("_"))
        ),
    }
    twin_of_model: type[M] = new_class(
        model.__name__, (model,), exec_body=lambda body: body.update(namespace | fields)
    )
    return twin_of_model


def to_api_names(model: BaseModel, fields: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the given fields of a renamed ``model``, by default all, with the API's names."""
    names = model.model_fields_set.intersection(vars(model) if fields is None else fields)
    # A model has its fields in the order of their declaration.
    return {
        api_name(name): _plain(value)
        for name, value in vars(model).items()
        if name in names and value is not None
    }


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return to_api_names(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _with_twin(annotation: Any, twin: type[BaseModel], *, in_blocks: bool) -> Any:
    if in_blocks and not _is_list(annotation):
        return Annotated[list[twin], AfterValidator(_single_block)]  # type: ignore[valid-type]
    return _replace(annotation, twin)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))


def _replace(annotation: Any, twin: type[BaseModel]) -> Any:
    """Return ``annotation`` with its model replaced by ``twin``."""
    if not get_args(annotation):
        return twin
    first, *others = get_args(annotation)
    inner: Any = _replace(first, twin)
    if get_origin(annotation) is list:
        return list[inner]
    return Annotated[(inner, *others)] if get_origin(annotation) is Annotated else inner | None


def _single_block(blocks: list[BaseModel]) -> BaseModel | None:
    if len(blocks) > 1:
        raise InvalidValue(Code.WRONG_TYPE, f"must have at most one block, not {len(blocks)}")
    return blocks[0] if blocks else None
