"""Names that no two of a list may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from components.settings.problems import Problem, raise_if_any
from components.settings.variants import label

if TYPE_CHECKING:
    from components.settings.endpoints import EndpointSettings


class HasName(Protocol):
    """What has a name."""

    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=HasName)


def _repeated(names: Sequence[str], what: str) -> Iterator[Problem]:
    """Names that are there twice in a list, such as `endpoints`; keys are relative to the list."""
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        other = first.setdefault(name.lower(), position)
        if other != position:
            yield Problem(
                f"[{position}].name",
                name,
                f"is the name of {what}[{other}] too, case aside; give each {what.removesuffix('s')} a name of its own",
            )


def distinct(what: str) -> Callable[[tuple[Named, ...]], tuple[Named, ...]]:
    """A validator of a list that is called `what`, such as `variants`: no two of it may have one name."""

    def validated(listed: tuple[Named, ...]) -> tuple[Named, ...]:
        raise_if_any(_repeated([each.name for each in listed], what))
        return listed

    return validated


def distinct_names(endpoints: tuple[EndpointSettings, ...]) -> tuple[EndpointSettings, ...]:
    """The endpoints, if no two have one name, nor resources of one name. Raises PydanticCustomError."""
    found = [*_repeated([endpoint.name for endpoint in endpoints], "endpoints")]
    raise_if_any(found or _clashing(endpoints))
    return endpoints


def _clashing(endpoints: Sequence[EndpointSettings]) -> Iterator[Problem]:
    """Variants and components whose resources would have the names of another endpoint's."""
    first: dict[str, int] = {endpoint.name.lower(): position for position, endpoint in enumerate(endpoints)}
    for position, endpoint in enumerate(endpoints):
        names = [component.name for component in endpoint.components]
        for number, name in enumerate(names or [variant.name for variant in endpoint.hosted_variants]):
            if not endpoint.key(number):
                continue  # it has the endpoint's name alone
            named = label(endpoint.name, name).lower()
            other = first.setdefault(named, position)
            if other != position:
                message = (
                    f"makes {named} with the endpoint's name, as resources of endpoints[{other}] are named; rename it"
                )
                yield Problem(f"[{position}].{endpoint.key(number)}name", name, message)
