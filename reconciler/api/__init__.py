"""The description of the App Mesh API, and validation of JSON values against it."""

from reconciler.api.description import (
    Action,
    ApiError,
    ApiKind,
    Boolean,
    Description,
    ListOf,
    Member,
    Number,
    Operation,
    Service,
    Shape,
    Structure,
    Text,
    Timestamp,
    load,
)
from reconciler.api.quotas import BACKENDS, QUOTAS, Quota
from reconciler.api.violations import Violation, type_checker, violations

__all__ = [
    "BACKENDS",
    "QUOTAS",
    "Action",
    "ApiError",
    "ApiKind",
    "Boolean",
    "Description",
    "ListOf",
    "Member",
    "Number",
    "Operation",
    "Quota",
    "Service",
    "Shape",
    "Structure",
    "Text",
    "Timestamp",
    "Violation",
    "load",
    "type_checker",
    "violations",
]
