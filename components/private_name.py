"""The front door's name: its certificate, API Gateway's private domain name, and the record that leads to it."""

from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_aws as aws

from components import front_door_policies as policies
from components import iam
from components.names import name_tag
from components.own_name import OwnName
from components.private_api import PrivateApi
from components.settings.front_door import FrontDoorSettings


@dataclass(frozen=True, kw_only=True)
class PrivateNameArgs:
    """The name, what it leads to, and whom to tell of a certificate that ends."""

    settings: FrontDoorSettings
    api: PrivateApi
    vpc_id: pulumi.Input[str]
    topic_arn: pulumi.Input[str]


class PrivateName(pulumi.ComponentResource):
    """A domain name that resolves to the API's VPC endpoint within the VPC, and is answered for there alone."""

    url: str

    def __init__(self, name: str, args: PrivateNameArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:access:PrivateName", name, None, opts)
        self._name = name
        self._args = args
        self._child = partial(pulumi.ResourceOptions, parent=self)
        own = OwnName(name, args.settings, self._child)
        certificate = own.certificate()
        self._mapped(self._domain(certificate))
        target = args.api.vpc_endpoint.dns_entries[0]
        own.record(args.vpc_id, target["dns_name"], target["hosted_zone_id"])
        own.web_acl(args.api.stage.arn)
        own.expiry_alarm(certificate, args.topic_arn)
        self.url = f"https://{args.settings.domain_name}"
        self.register_outputs({"url": self.url})

    def _domain(self, certificate: pulumi.Input[str]) -> aws.apigateway.DomainName:
        return aws.apigateway.DomainName(
            self._name,
            domain_name=self._args.settings.domain_name,
            certificate_arn=certificate,
            endpoint_configuration=aws.apigateway.DomainNameEndpointConfigurationArgs(types="PRIVATE"),
            security_policy="TLS_1_2",  # which all private names have, and none can change
            policy=iam.json_document(policies.name(self._args.api.vpc_endpoint.id)),
            tags=name_tag(self._name),
            opts=self._child(),
        )

    def _mapped(self, domain: aws.apigateway.DomainName) -> None:
        """The name leads to the API, for the VPC endpoint that is associated with it."""
        api = self._args.api
        aws.apigateway.BasePathMapping(
            self._name,
            domain_name=domain.domain_name,
            domain_name_id=domain.domain_name_id,
            rest_api=api.api.id,
            stage_name=api.stage.stage_name,
            opts=self._child(),
        )
        aws.apigateway.DomainNameAccessAssociation(
            self._name,
            access_association_source=api.vpc_endpoint.id,
            access_association_source_type="VPCE",
            domain_name_arn=domain.arn,
            tags=name_tag(self._name),
            opts=self._child(),
        )
