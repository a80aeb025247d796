"""The models of the API as other tools spell them, made from the models themselves.

CloudFormation writes ``EgressFilter``, Terraform ``egress_filter`` in lists of one. A kind that
gets a model is spelt so everywhere, without a further line.
"""

from collections.abc import Callable
from copy import copy
from functools import cache
from types import new_class
from typing import Annotated, Any, TypeVar, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from reconciler.manifest.checking import model_in
from reconciler.manifest.diagnostics import Code
from reconciler.manifest.rules import Refusal

M = TypeVar("M", bound=BaseModel)


@cache
def respelt(model: type[M], spell: Callable[[str], str], *, in_blocks: bool = False) -> type[M]:
    """Return ``model`` with each field, at any depth, called what ``spell`` makes of its name.

    ``spell`` gets names in snake case. Where objects come ``in_blocks``, each one stands in a
    list of its own; an empty list is none.
    """
    annotations: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if inner is not None:
            twin: Any = respelt(inner, spell, in_blocks=in_blocks)
            fields[name] = copy(field)
            fields[name].annotation = annotations[name] = _with_twin(
                field.annotation, twin, in_blocks=in_blocks
            )
    namespace = {
        "__module__": model.__module__,
        "__doc__": model.__doc__,
        "__annotations__": annotations,
        "model_config": ConfigDict(alias_generator=spell),
    }
    twin_of_model: type[M] = new_class(
        model.__name__, (model,), exec_body=lambda body: body.update(namespace | fields)
    )
    return twin_of_model


def in_api_words(model: BaseModel) -> dict[str, Any]:
    """Return the fields that were given to a respelt ``model``, under the API's own names."""
    given = {name: getattr(model, name) for name in type(model).model_fields}
    return {
        to_camel(name): _plain(value)
        for name, value in given.items()
        if name in model.model_fields_set and value is not None
    }


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return in_api_words(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _with_twin(annotation: Any, twin: type[BaseModel], *, in_blocks: bool) -> Any:
    if get_origin(annotation) is list:
        return list[twin]  # type: ignore[valid-type]
    return Annotated[list[twin], AfterValidator(_only_one)] if in_blocks else twin  # type: ignore[valid-type]


def _only_one(blocks: list[BaseModel]) -> BaseModel | None:
    if len(blocks) > 1:
        raise Refusal(Code.WRONG_TYPE, f"must hold at most one block, not {len(blocks)}")
    return blocks[0] if blocks else None
