"""Table of CloudFormation's intrinsic functions."""

from collections.abc import Mapping

from reconciler.manifest.formats.cloudformation import conditions, list_functions, lookups
from reconciler.manifest.formats.cloudformation.resolver import Function, Resolver
from reconciler.manifest.parsing.nodes import DiagnosticList, MappingNode

_FUNCTIONS: Mapping[str, Function] = {
    "Ref": lookups.ref,
    "Fn::FindInMap": lookups.find_in_map,
    "Fn::GetAtt": lookups.get_attribute,
    "Fn::If": conditions.if_,
    "Fn::ImportValue": lookups.import_value,
    "Fn::Join": list_functions.join,
    "Fn::Length": list_functions.length,
    "Fn::Select": list_functions.select,
    "Fn::Split": list_functions.split,
    "Fn::Sub": lookups.substitute,
    "Fn::ToJsonString": list_functions.to_json,
}


def resolver_of(
    template: MappingNode, variables: Mapping[str, str], diagnostics: DiagnosticList
) -> Resolver:
    """Return the resolver of the functions in ``template``."""
    return Resolver(template, variables, diagnostics, _FUNCTIONS)
