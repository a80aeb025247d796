"""The App Mesh API as data, and the one thing to do with data: compare a value with it."""

from reconciler.api.description import (
    ApiError,
    Boolean,
    Description,
    Kind,
    ListOf,
    Member,
    Number,
    Operation,
    Service,
    Shape,
    Structure,
    Text,
    Timestamp,
    Verb,
    load,
)
from reconciler.api.quotas import BACKENDS, QUOTAS, Quota
from reconciler.api.violations import Violation, violations

__all__ = [
    "BACKENDS",
    "QUOTAS",
    "ApiError",
    "Boolean",
    "Description",
    "Kind",
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
    "Verb",
    "Violation",
    "load",
    "violations",
]
