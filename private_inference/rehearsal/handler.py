"""What a handler is: how the rehearsal turns one Pulumi type into AWS calls, an id and outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath  # type: ignore[import-untyped]

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.requests import parameter_names, request, tag_parameters


@dataclass(frozen=True)
class Created:
    """A created resource."""

    id: str
    """The id that the Pulumi provider gives it."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Outputs that are not inputs."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Outputs for the inputs that the program left out."""
    failure: str = ""
    """Why it does not work, if AWS made it all the same."""


Create = Callable[[Account, Inputs], Created]


@dataclass(frozen=True)
class Handler:
    """How one Pulumi type is created."""

    create: Create
    auto_name: str = ""
    """The property that the provider fills with a random name if the program leaves it out."""
    longest_name: int = 255
    """How many characters an automatic name may have."""
    taggable: bool = True
    """Whether the provider's default tags reach the type."""
    ignored: tuple[str, ...] = ()
    """Properties for the provider only, which no AWS call takes: they say how it deletes, waits or uploads."""


def call(
    account: Account,
    service: str,
    operation: str,
    inputs: Inputs,
    *,
    renamed: Mapping[str, str] | None = None,
    tagged: str = "",
    within: str = "",
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make an AWS call with the tags and every property not read so far; returns the answer.

    The answer also has what was sent, under `request`. `renamed` maps property names that differ from AWS's by more
    than case. `tagged` is EC2's name for the tagged resource. `within` is the parameter (`outer.inner` if nested) that
    takes the properties that are no parameters themselves. `more` holds further parameters.
    """
    client = account.client(service)
    properties = {(renamed or {}).get(key, key): value for key, value in inputs.rest().items()}
    if within:
        names = parameter_names(client, operation)
        nested: Any = {key: properties.pop(key) for key in [*properties] if key.lower() not in names}
        for name in reversed(within.split(".")):
            nested = {name: nested}
        properties |= nested
    parameters = request(client, operation, properties | dict(more or {}))
    parameters |= tag_parameters(client, operation, inputs.tags, tagged)
    answer: dict[str, Any] = getattr(client, operation)(**parameters)
    return answer | {"request": parameters}


def select(expressions: Mapping[str, str], source: Any) -> dict[str, Any]:
    """The value of each JMESPath expression over `source`."""
    return {name: jmespath.search(expression, source) for name, expression in expressions.items()}


@dataclass(frozen=True)
class Call:
    """A `Create` of one AWS call that takes all properties.

    `id` and `outputs` hold JMESPath expressions over the answer, with what was sent under `request`, the account's id,
    region and partition under `account`, and the answer to `read` under `read`.
    """

    service: str
    operation: str
    id: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    """See `call`."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    arn: str = ""
    """The ARN's resource part, with `{id}` in it, for services that don't answer with an ARN."""
    within: str = ""
    """See `call`."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that are the same for each resource of the type."""
    read: tuple[str, Mapping[str, str]] | None = None
    """A second call, for outputs that the first doesn't answer: its name, and its parameters as expressions."""

    def __call__(self, account: Account, inputs: Inputs) -> Created:
        answer = call(
            account,
            self.service,
            self.operation,
            inputs,
            renamed=self.renamed,
            within=self.within,
            more=self.more,
        )
        answer["account"] = {"id": account.id, "region": account.region, "partition": account.partition}
        if self.read:
            operation, parameters = self.read
            answer["read"] = getattr(account.client(self.service), operation)(**select(parameters, answer))
        identity = jmespath.search(self.id, answer)
        outputs = select(self.outputs, answer)
        if self.arn:
            outputs["arn"] = account.arn(self.service, self.arn.format(id=identity))
        return Created(identity, outputs, self.defaults)
