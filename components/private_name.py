"""The front door's name: its certificate, API Gateway's private domain name, and the record that leads to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import front_door_policies as policies
from components import iam
from components.names import name_tag, stack_name
from components.private_api import PrivateApi
from components.settings.front_door import FrontDoorSettings

DAY = 86_400
VALIDATION_TTL = 60
"""Seconds that resolvers keep ACM's proof of the name."""


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
        certificate = self._certificate()
        self._mapped(self._domain(certificate))
        self._record()
        self._expiry_alarm(certificate)
        self.url = f"https://{args.settings.domain_name}"
        self.register_outputs({"url": self.url})

    def _child(self, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on))

    def _certificate(self) -> pulumi.Input[str]:
        """ARN of an issued certificate: the one that exists, or one that ACM is asked for."""
        settings = self._args.settings
        if settings.certificate_arn:
            return settings.certificate_arn
        certificate = aws.acm.Certificate(
            self._name,
            domain_name=settings.domain_name,
            certificate_authority_arn=settings.private_ca_arn,
            validation_method=None if settings.private_ca_arn else "DNS",
            tags=name_tag(self._name),
            opts=self._child(),
        )
        if settings.private_ca_arn:
            return certificate.arn
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{self._name}-validation",
            zone_id=settings.public_zone_id or "",
            name=proof["resource_record_name"],
            type=proof["resource_record_type"],
            records=[proof["resource_record_value"]],
            ttl=VALIDATION_TTL,
            opts=self._child(),
        )
        validation = aws.acm.CertificateValidation(
            self._name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self._child(),
        )
        return validation.certificate_arn

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

    def _record(self) -> None:
        settings, api = self._args.settings, self._args.api
        zone_id: pulumi.Input[str]
        if settings.zone_id:
            zone_id = settings.zone_id
            association = [
                aws.route53.ZoneAssociation(self._name, zone_id=zone_id, vpc_id=self._args.vpc_id, opts=self._child())
            ]
        else:
            association = []
            # For the name alone: a zone of its parent would hide all other names there from the VPC.
            zone_id = aws.route53.Zone(
                self._name,
                name=settings.domain_name,
                comment=f"Front door of {stack_name()}",
                vpcs=[aws.route53.ZoneVpcArgs(vpc_id=self._args.vpc_id)],
                tags=name_tag(self._name),
                opts=self._child(),
            ).zone_id
        target = api.vpc_endpoint.dns_entries[0]
        aws.route53.Record(
            self._name,
            zone_id=zone_id,
            name=settings.domain_name,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=target["dns_name"], zone_id=target["hosted_zone_id"], evaluate_target_health=False
                )
            ],
            opts=self._child(association),
        )

    def _expiry_alarm(self, certificate: pulumi.Input[str]) -> None:
        """ACM renews what it issued; what was imported ends unless somebody imports it anew.

        Twice a day, until it ends: https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
        """
        days = self._args.settings.expiry_days
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-certificate",
            alarm_description=f"The certificate of {self._args.settings.domain_name} ends in fewer than {days} days",
            namespace="AWS/CertificateManager",
            metric_name="DaysToExpiry",
            dimensions={"CertificateArn": certificate},
            statistic="Minimum",
            period=DAY,
            evaluation_periods=1,
            comparison_operator="LessThanThreshold",
            threshold=days,
            treat_missing_data="ignore",  # without data it stays as it is: after its end there is none
            alarm_actions=[self._args.topic_arn],
            ok_actions=[self._args.topic_arn],
            opts=self._child(),
        )
