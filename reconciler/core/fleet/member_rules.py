"""Differences between the tables [rollout] of members, as while a change of it is deployed."""

from collections.abc import Mapping

from reconciler.core.fleet.fleet_record import Member


def have_same_rules(members: Mapping[str, Member]) -> bool:
    """Return whether all members have the same table, or none has one."""
    tables = [member.rollout for member in members.values()]
    return all(table == tables[0] for table in tables)


def rules_difference(members: Mapping[str, Member], name: str) -> str:
    """Return a clause: which member has another table than ``name``, and the fields that differ.

    Empty if all members have the same table.
    """
    own = members[name].rollout if name in members else {}
    for other, member in sorted(members.items()):
        fields = {**own, **member.rollout}
        different = [field for field in fields if own.get(field) != member.rollout.get(field)]
        if different and not own:
            return f"{other} has a [rollout], and this daemon has none"
        if different and not member.rollout:
            return f"{other} has no [rollout]"
        if different:
            return f"{other} has another [rollout] ({', '.join(different)})"
    return ""
