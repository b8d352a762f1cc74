"""The engine that creates the unchanged program's resources in the embedded AWS, by real AWS calls.

It does the work of the Pulumi engine and the AWS provider: default tags, automatic names, ids and outputs in Pulumi's
form.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from private_inference.rehearsal import lookups
from private_inference.rehearsal.account import Account, Clients, account_of
from private_inference.rehearsal.handler import Create, Handler
from private_inference.rehearsal.handlers import HANDLERS
from private_inference.rehearsal.inputs import FailedError, Inputs, RefusedError, UnhandledError
from private_inference.rehearsal.parameter_constraints import ConstraintError
from private_inference.runner.project import decode
from private_inference.runner.resource import Outputs, Resource
from private_inference.runner.sdk import plain

Progress = Callable[[Resource, float], None]
PROVIDER = "pulumi:providers:aws"
STACK_REFERENCE = "pulumi:pulumi:StackReference"
ABOUT_THE_REAL_ACCOUNT = frozenset(
    {
        "allowedAccountIds",
        "assumeRoles",
        "forbiddenAccountIds",
        "profile",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "useDualstackEndpoint",
        "useFipsEndpoint",
        "version",
    }
)
"""The provider's settings for access to the real account; resources don't depend on them."""


class RehearsalError(Exception):
    """A resource or lookup failed; the message names it and says why."""


class MotoEngine:
    """Creates a program's resources in an embedded AWS; an `Engine` of the runner.

    `on_created` is called with each resource and the seconds that it took, in the thread that created it. `stacks`
    holds the outputs of other stacks by the name that a StackReference gives.
    """

    def __init__(
        self,
        aws: Clients,
        *,
        on_created: Progress = lambda resource, seconds: None,
        stacks: Mapping[str, Outputs] | None = None,
    ) -> None:
        self._aws = aws
        self._on_created = on_created
        self._stacks = stacks or {}
        self._default_tags: dict[str, Mapping[str, str]] = {}

    @cached_property
    def _account(self) -> Account:
        # Read late: the embedded AWS starts while the program is still being imported.
        return account_of(self._aws)

    def create(self, resource: Resource) -> tuple[str | None, Outputs]:
        """Raises RehearsalError if AWS refuses the resource or the rehearsal does not support it."""
        start = time.perf_counter()
        with explained(f"{resource.type.split(':')[-1]} {resource.name!r}"):
            identity, outputs = self._create(resource)
        self._on_created(resource, time.perf_counter() - start)
        return identity, outputs

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        """Raises RehearsalError if AWS refuses the lookup or the rehearsal does not support it."""
        with explained(f"The lookup {token.split(':')[-1]}"):
            return lookups.answer(self._account, token, args)

    def client(self, service: str) -> Any:
        return self._aws.client(service)

    def _create(self, resource: Resource) -> tuple[str | None, Outputs]:
        if resource.type == PROVIDER:
            return self._provider(resource)
        if not resource.custom:
            return None, resource.properties
        if resource.type == STACK_REFERENCE:
            return self._other_stack(resource)
        if resource.id is not None:
            raise UnhandledError("reading a resource that exists is not something the rehearsal knows")
        handler = HANDLERS.get(resource.type)
        if handler is None:
            raise UnhandledError(f"the rehearsal has no handler for {resource.type}")
        return self._handle(resource, handler)

    def _provider(self, resource: Resource) -> tuple[str, Outputs]:
        given = {key: decode(value) for key, value in resource.properties.items()}
        unread = set(given) - {"region", "defaultTags"} - ABOUT_THE_REAL_ACCOUNT
        if unread:
            raise UnhandledError(f"the provider's {', '.join(sorted(unread))} is not something the rehearsal knows")
        if given.get("region", self._account.region) != self._account.region:
            raise UnhandledError(f"it is for {given['region']}, and the rehearsal knows {self._account.region} only")
        self._default_tags[resource.urn] = (given.get("defaultTags") or {}).get("tags") or {}
        return resource.name, resource.properties

    def _other_stack(self, resource: Resource) -> tuple[str, Outputs]:
        name = resource.properties["name"]
        if name not in self._stacks:
            known = ", ".join(sorted(self._stacks)) or "none"
            raise RefusedError(f"there is no stack {name!r}; the rehearsal was given the outputs of: {known}")
        return name, {"name": name, "outputs": self._stacks[name], "secretOutputNames": []}

    def _handle(self, resource: Resource, handler: Handler) -> tuple[str, Outputs]:
        properties = {key: plain(value) for key, value in resource.properties.items()}
        if handler.auto_name and handler.auto_name not in properties:
            properties[handler.auto_name] = auto_name(resource.type, resource.name, handler)
        default = self._default_tags.get(resource.provider.rpartition("::")[0], {})
        return apply(self._account, handler, handler.create, properties, default)


def apply(
    account: Account,
    handler: Handler,
    operation: Create,
    properties: Mapping[str, Any],
    default_tags: Mapping[str, str],
) -> tuple[str, Outputs]:
    """Have AWS make a resource what its properties say, by an operation of its handler: its id and all its outputs.

    Raises UnhandledError for a property that the operation does not read, FailedError for a resource that does not
    work, and what the operation raises.
    """
    wanted = {**properties}
    region = wanted.pop("region", account.region)
    if region != account.region:
        raise UnhandledError(f"region is {region}, and the rehearsal knows {account.region} only")
    tags = all_tags(handler, wanted, default_tags)
    inputs = Inputs({key: value for key, value in wanted.items() if key not in handler.ignored}, tags)
    created = operation(account, inputs)
    if inputs.unread():
        raise UnhandledError(f"{', '.join(inputs.unread())} is not something its handler reads")
    outputs = {**created.defaults, **wanted, **created.outputs, "region": region}
    if handler.taggable:
        outputs["tagsAll"] = tags
    if created.failure:
        raise FailedError(created.failure, created.id, outputs)
    return created.id, outputs


def all_tags(handler: Handler, properties: Mapping[str, Any], default_tags: Mapping[str, str]) -> dict[str, str]:
    """A resource's own tags over the provider's default tags, where these reach the type."""
    own = properties.get("tags")
    # An image's tags are a list, and of another kind.
    return {**(default_tags if handler.taggable else {}), **(own if isinstance(own, Mapping) else {})}


@contextlib.contextmanager
def explained(subject: str) -> Iterator[None]:
    """Raises what a handler or lookup raises as a RehearsalError that names `subject`."""
    try:
        yield
    except UnhandledError as error:
        raise RehearsalError(f"{subject} can't be rehearsed: {error}.") from error
    except ClientError as error:
        reason = error.response["Error"]
        raise RehearsalError(
            f"{subject} was refused by {error.operation_name}: {reason['Message']} ({reason['Code']})"
        ) from error
    except (RefusedError, ConstraintError, BotoCoreError) as error:
        raise RehearsalError(f"{subject} was refused: {error}") from error


def auto_name(kind: str, resource_name: str, handler: Handler) -> str:
    """The name that the provider makes up: the resource's name, a hyphen and seven random hexadecimal digits.

    Source: https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming; a bucket's is in lower case and a key
    alias's starts with `alias/`, as the provider's own overrides have it. Raises RefusedError if it would be too long.
    """
    name = f"{resource_name}-{secrets.token_hex(4)[:7]}"
    if handler.auto_name == "bucket":
        name = name.lower()
    if kind == "aws:kms/alias:Alias":
        name = f"alias/{name}"
    if len(name) > handler.longest_name:
        raise RefusedError(
            f"its automatic {handler.auto_name} would have {len(name)} characters; at most {handler.longest_name} are "
            "allowed. Shorten the resource's name."
        )
    return name
