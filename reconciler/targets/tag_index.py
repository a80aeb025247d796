"""The index of tags: one list of all resources with an owner tag, from the tagging API."""

from collections.abc import Mapping

from reconciler import limits
from reconciler.core.resources import OWNER_TAG
from reconciler.targets.api_client import ApiClient

Tags = Mapping[str, str]


class TagIndex:
    """The tags of all resources with an owner tag.

    Attributes:
        by_arn: Tags by ARN, or None if the target has no tagging API.
        possibly_stale: ARNs of resources whose tags are read resource by resource.
        is_new: Whether all of it was read just now.
    """

    def __init__(self, client: ApiClient) -> None:
        """Read every page of the index."""
        self.by_arn: dict[str, Tags] | None = {}
        self.possibly_stale: set[str] = set()
        self.is_new = True
        token = ""
        for _ in range(limits.API_MAX_PAGES):
            page = client.tagged(OWNER_TAG, token)
            if page is None:
                break
            rows, next_token = page
            self.by_arn |= rows
            if not next_token:
                return
            if next_token == token:
                break
            token = next_token
        self.by_arn = None

    def tags(self, arn: str) -> Tags | None:
        """Return the tags of `arn`, or None if the index does not have them or may be stale."""
        return None if self.by_arn is None or arn in self.possibly_stale else self.by_arn.get(arn)

    def lacks(self, arn: str) -> bool:
        """Return whether there is an index and `arn` is not in it, so it had no owner tag."""
        return self.by_arn is not None and arn not in self.by_arn

    def owned(self, owner: str) -> tuple[set[str], set[str]] | None:
        """Return the ARNs of the meshes of `owner`, and the names of meshes with its resources.

        Returns None if there is no index.
        """
        if self.by_arn is None:
            return None
        owned_arns = [arn for arn, tags in self.by_arn.items() if tags.get(OWNER_TAG) == owner]
        meshes = {arn for arn in owned_arns if arn.count("/") == 1}
        # The account in an ARN is that of the resource, so the ARN of a resource in a shared mesh
        # has only the name of the mesh, or mesh@owner. A surplus name costs one more list, but a
        # missing name would hide owned resources.
        names = {arn.split("/")[1] for arn in owned_arns if arn not in meshes}
        return meshes, names | {name.rpartition("@")[0] for name in names}
