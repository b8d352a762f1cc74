"""What a row of the resource table is: how one Pulumi type becomes AWS calls, ids and outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jmespath  # type: ignore[import-untyped]

from private_inference.rehearsal.inputs import Inputs, request, tag_parameters


class Clients(Protocol):
    """Whose boto3 clients are used: the embedded AWS's, or those of a session in a real account."""

    @property
    def region(self) -> str: ...

    def client(self, service: str) -> Any: ...


@dataclass(frozen=True)
class Account:
    """AWS as a row sees it: one account in one region."""

    aws: Clients
    id: str
    region: str
    region_name: str
    partition: str
    dns_suffix: str

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource of this account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"


@dataclass(frozen=True)
class Made:
    """A created resource: its id in Pulumi's form, and the outputs that are not its inputs.

    `defaults` are outputs that hold what the provider takes where the program gave nothing.
    """

    id: str
    outputs: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


Create = Callable[[Account, Inputs], Made]


@dataclass(frozen=True)
class Row:
    """One Pulumi type.

    `auto_name` is the property that the provider fills with a random name if the program leaves it out, `most` the
    longest name it may make; `taggable` says whether the provider's default tags reach the type.
    """

    create: Create
    auto_name: str = ""
    most: int = 255
    taggable: bool = True


@dataclass(frozen=True)
class Call:
    """The plain case: one AWS call that takes all inputs. It is a `Create`.

    `id` and the values of `outputs` are JMESPath expressions over the answer, with the request under `request`;
    `arn` is the ARN's resource part with `{id}` in it, for services that don't answer with one; `renamed` maps property
    names that differ from AWS's by more than case; `tagged` is EC2's name for what is tagged.
    """

    service: str
    operation: str
    id: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    arn: str = ""
    tagged: str = ""

    def __call__(self, account: Account, inputs: Inputs) -> Made:
        client = account.client(self.service)
        parameters = request(client, self.operation, inputs.rest(), self.renamed)
        parameters |= tag_parameters(client, self.operation, inputs.tags, self.tagged)
        answer = getattr(client, self.operation)(**parameters) | {"request": parameters}
        identity = jmespath.search(self.id, answer)
        outputs = {name: jmespath.search(expression, answer) for name, expression in self.outputs.items()}
        if self.arn:
            outputs["arn"] = account.arn(self.service, self.arn.format(id=identity))
        return Made(identity, outputs, self.defaults)
