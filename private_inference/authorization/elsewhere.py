"""VPC endpoints of others that documents name: each is a path of its own, beside all that no document names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from private_inference.authorization.model import OTHER_ENDPOINT, Path, Policy
from private_inference.graph.iam_documents import as_list


def elsewhere(policies: Iterable[Policy], paths: Iterable[Path]) -> Iterator[Path]:
    """A path for each VPC endpoint that conditions name by its id and that none of the given paths is."""
    own = {path.endpoint for path in paths}
    named = {
        each
        for policy in policies
        for statement in policy.statements
        for _, key, values in statement.tests
        if key.lower() == "aws:sourcevpce"
        for each in as_list(values)
        if isinstance(each, str) and not {*"*?$"} & {*each}
    }
    for each in sorted(named - own):
        yield Path(f"endpoint {each}", each, OTHER_ENDPOINT.vpc)
