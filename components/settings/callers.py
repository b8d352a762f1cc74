"""What a stack may set about callers that live elsewhere, each with a SageMaker runtime endpoint of its own."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from components.settings.endpoints import EndpointSettings
from components.settings.fields import AccountId, CallerArn, CallerName, EndpointName, ExternalId, VpcEndpointIds
from components.settings.group import SettingsGroup
from components.settings.problems import Problem
from components.settings.variants import label

OF_ACCOUNTS = {"principals": "principals", "external_id": "externalId", "sts_vpc_endpoints": "stsVpcEndpoints"}
"""What callers of another account need, and those of the stack's own have no use for: fields and keys."""


class CallerSettings(SettingsGroup):
    """A workload in another VPC of the account, or in another account, that calls through a VPC endpoint of its own.

    Who runs in the stack's own VPC needs no entry. docs/callers.md says which of these a caller is.
    """

    name: CallerName
    """Names the caller's policy or role, and the SSM parameter with its contract."""
    vpc_endpoints: Annotated[VpcEndpointIds, Field(min_length=1)]
    """Ids of the SageMaker runtime endpoints that its calls come through: its own, or those of a hub that it shares."""
    endpoints: tuple[EndpointName, ...] = ()
    """Names of the endpoints that it may call; all of the stack by default."""
    components: tuple[EndpointName, ...] = ()
    """Names of the inference components that it may call (`ENDPOINT-COMPONENT`); all of its endpoints' by default."""
    account: AccountId = ""
    """Id of the other account that it is in; leave it out for another VPC of the stack's own account."""
    principals: tuple[CallerArn, ...] = ()
    """ARNs of the roles or users of that account that may take the caller's role. They have to exist."""
    external_id: ExternalId | None = None
    """What they send along to take the role: chosen by the caller, and no secret."""
    sts_vpc_endpoints: VpcEndpointIds = ()
    """Ids of the STS endpoints that they take the role through."""

    def _contradictions(self) -> Iterator[Problem]:
        for field, key in OF_ACCOUNTS.items():
            given = getattr(self, field)
            if self.account and not given:
                yield Problem(key, given or "nothing", "is needed to let another account's callers in; add it")
            elif given and not self.account:
                message = "is for callers of another account; name it in account, or remove this"
                yield Problem(key, _shown(given), message)
        for position, arn in enumerate(self.principals):
            if self.account and arn.split(":")[4] != self.account:
                yield Problem(f"principals[{position}]", arn, "is not of the caller's account; name one of there")
        named = {"principals": self.principals, "endpoints": self.endpoints, "components": self.components}
        for key, values in named.items():
            if len(set(values)) < len(values):
                yield Problem(key, list(values), "names one twice; name each once")


def _shown(given: object) -> object:
    return list(given) if isinstance(given, tuple) else given


def contradictions(
    callers: Sequence[CallerSettings], own: str, endpoints: Sequence[EndpointSettings]
) -> Iterator[Problem]:
    """What of the callers can't be, in an account with these endpoints; `own` is its id, or empty."""
    names, served = [caller.name for caller in callers], [endpoint.name for endpoint in endpoints]
    for position, caller in enumerate(callers):
        place = f"callers[{position}]"
        if caller.name in names[:position]:
            message = f"is the name of callers[{names.index(caller.name)}] too; rename one"
            yield Problem(f"{place}.name", caller.name, message)
        if caller.account and caller.account == own:
            message = "is the stack's own; leave it out, and what is for callers of another account"
            yield Problem(f"{place}.account", caller.account, message)
        if not served:
            yield Problem(f"{place}.name", caller.name, "has nothing to call; add an endpoint to endpoints")
        later = [endpoint.name for endpoint in endpoints if endpoint.asynchronous]
        if reached := [name for name in caller.endpoints or served if name in later]:
            message = (
                f"would reach {', '.join(reached)}, whose requests and answers are in S3, which the stack's own VPC "
                "alone gets to; name others in its endpoints, or serve that in another stack"
            )
            yield Problem(f"{place}.name", caller.name, message)
        if caller.components:
            called = [each for each in endpoints if each.name in (caller.endpoints or served)]
            yield from _components(place, caller.components, called)
        for number, name in enumerate(caller.endpoints if served else ()):
            if name not in served:
                message = f"is no endpoint of this stack; choose from {', '.join(served)}"
                yield Problem(f"{place}.endpoints[{number}]", name, message)


def _components(place: str, named: Sequence[str], called: Sequence[EndpointSettings]) -> Iterator[Problem]:
    """Inference components that aren't there, and endpoints that none is named of: all of their calls would fail."""
    there = {each.name: [label(each.name, one.name) for one in each.components] for each in called if each.components}
    known = [name for names in there.values() for name in names]
    for number, name in enumerate(named):
        if name not in known:
            choice = f"choose from {', '.join(known)}" if known else "its endpoints have none; remove it"
            yield Problem(f"{place}.components[{number}]", name, f"is no inference component that it calls; {choice}")
    for endpoint, names in there.items():
        if not set(names) & set(named):
            message = (
                f"has none of {endpoint}'s; add one of {', '.join(names)}, or name other endpoints in its endpoints"
            )
            yield Problem(f"{place}.components", list(named), message)
