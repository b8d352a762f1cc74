"""The engine that puts the unchanged program into the embedded AWS: each resource is created by real AWS calls.

It does what the Pulumi engine and the AWS provider do between the program and AWS: default tags, names for what the
program leaves unnamed, ids and outputs in Pulumi's form.
"""

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from private_inference.rehearsal import lookups
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError
from private_inference.rehearsal.resources import TABLE
from private_inference.rehearsal.rows import Account, Clients, Row
from private_inference.rehearsal.validation import ConstraintError
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
        "version",
    }
)
"""The provider's settings that say how to get into the real account, and nothing about resources."""


class RehearsalError(Exception):
    """A resource or lookup that failed. The message names it and says why."""


class MotoEngine:
    """Creates a program's resources in an embedded AWS; an `Engine` of the runner.

    `on_created` is told of each resource and how many seconds it took, by the thread that created it. `stacks` holds
    the outputs of other stacks, by the name under which a StackReference asks for them.
    """

    def __init__(
        self,
        aws: EmbeddedAws,
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
        # Asked for late: the embedded AWS starts while the program is still being imported.
        return account_of(self._aws)

    def create(self, resource: Resource) -> tuple[str | None, Outputs]:
        """Raises RehearsalError if AWS refuses the resource, or the rehearsal can't carry out what it asks for."""
        start = time.perf_counter()
        with _told(f"{resource.type.split(':')[-1]} {resource.name!r}"):
            identity, outputs = self._create(resource)
        self._on_created(resource, time.perf_counter() - start)
        return identity, outputs

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        """Raises RehearsalError for a lookup that is not known, or that AWS refuses."""
        with _told(f"The lookup {token.split(':')[-1]}"):
            return lookups.answer(self._account, token, args)

    def _create(self, resource: Resource) -> tuple[str | None, Outputs]:
        if resource.type == PROVIDER:
            return self._provider(resource)
        if not resource.custom:
            return None, resource.properties
        if resource.type == STACK_REFERENCE:
            return self._other_stack(resource)
        if resource.id is not None:
            raise UnhandledError("reading a resource that exists is not something the rehearsal knows")
        row = TABLE.get(resource.type)
        if row is None:
            raise UnhandledError(f"there is no row for {resource.type} in the table from Pulumi type to AWS calls")
        return self._carry_out(resource, row)

    def _provider(self, resource: Resource) -> tuple[str, Outputs]:
        given = {key: _decoded(value) for key, value in resource.properties.items()}
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

    def _carry_out(self, resource: Resource, row: Row) -> tuple[str, Outputs]:
        properties = {key: plain(value) for key, value in resource.properties.items()}
        if row.auto_name and row.auto_name not in properties:
            properties[row.auto_name] = auto_name(resource, row)
        region = properties.pop("region", self._account.region)
        if region != self._account.region:
            raise UnhandledError(f"region is {region}, and the rehearsal knows {self._account.region} only")
        default = self._default_tags.get(resource.provider.rpartition("::")[0], {})
        tags = {**(default if row.taggable else {}), **(properties.get("tags") or {})}
        inputs = Inputs(properties, tags)
        made = row.create(self._account, inputs)
        if inputs.unread():
            raise UnhandledError(f"{', '.join(inputs.unread())} is not something its row reads")
        outputs = {**made.defaults, **properties, **made.outputs, "region": region}
        if row.taggable:
            outputs["tagsAll"] = tags
        return made.id, outputs


@contextlib.contextmanager
def _told(subject: str) -> Iterator[None]:
    """Turns what a row raises into a RehearsalError about `subject`."""
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


def account_of(aws: Clients) -> Account:
    """The account behind an embedded AWS, and what botocore knows of its region."""
    import boto3
    from botocore.loaders import create_loader

    partition = boto3.session.Session().get_partition_for_region(aws.region)
    known = {entry["id"]: entry for entry in create_loader().load_data("partitions")["partitions"]}[partition]
    return Account(
        aws=aws,
        id=aws.client("sts").get_caller_identity()["Account"],
        region=aws.region,
        region_name=known["regions"].get(aws.region, {}).get("description", aws.region),
        partition=partition,
        dns_suffix=known["outputs"]["dnsSuffix"],
    )


def auto_name(resource: Resource, row: Row) -> str:
    """The name that the provider makes up: the resource's name, a hyphen and seven random hexadecimal digits.

    Source: https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming; a bucket's is in lower case and a key
    alias's starts with `alias/`, as the provider's own overrides have it. Raises RefusedError if it would be too long.
    """
    name = f"{resource.name}-{secrets.token_hex(4)[:7]}"
    if row.auto_name == "bucket":
        name = name.lower()
    if resource.type == "aws:kms/alias:Alias":
        name = f"alias/{name}"
    if len(name) > row.most:
        raise RefusedError(
            f"its automatic {row.auto_name} would have {len(name)} characters; at most {row.most} are allowed. "
            "Shorten the resource's name."
        )
    return name


def _decoded(value: Any) -> Any:
    """A provider's setting: those that are not strings travel as JSON."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value
