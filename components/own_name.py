"""What a name of the stack's own needs, whatever it leads to: a certificate, a record, a web ACL, an alarm."""

from collections.abc import Callable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import name_tag, stack_name
from components.settings.front_door import FrontDoorSettings

DAY = 86_400
VALIDATION_TTL = 60
"""Seconds that resolvers keep ACM's proof of the name."""


@dataclass(frozen=True)
class OwnName:
    """A name whose parts are called `name` in the program. `child` makes their options, and takes `depends_on`."""

    name: str
    settings: FrontDoorSettings
    child: Callable[..., pulumi.ResourceOptions]

    def certificate(self) -> pulumi.Input[str]:
        """ARN of an issued certificate: the one that exists, or one that ACM is asked for."""
        settings = self.settings
        if settings.certificate_arn:
            return settings.certificate_arn
        certificate = aws.acm.Certificate(
            self.name,
            domain_name=settings.domain_name,
            certificate_authority_arn=settings.private_ca_arn,
            validation_method=None if settings.private_ca_arn else "DNS",
            tags=name_tag(self.name),
            opts=self.child(),
        )
        if settings.private_ca_arn:
            return certificate.arn
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{self.name}-validation",
            zone_id=settings.public_zone_id or "",
            name=proof["resource_record_name"],
            type=proof["resource_record_type"],
            records=[proof["resource_record_value"]],
            ttl=VALIDATION_TTL,
            opts=self.child(),
        )
        validation = aws.acm.CertificateValidation(
            self.name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self.child(),
        )
        return validation.certificate_arn

    def record(self, vpc_id: pulumi.Input[str], target: pulumi.Input[str], target_zone: pulumi.Input[str]) -> None:
        """The name is an alias of a target, within the VPC: in the zone that there is, or in one for it alone."""
        settings = self.settings
        zone_id: pulumi.Input[str]
        if settings.zone_id:
            zone_id = settings.zone_id
            association = [aws.route53.ZoneAssociation(self.name, zone_id=zone_id, vpc_id=vpc_id, opts=self.child())]
        else:
            association = []
            # For the name alone: a zone of its parent would hide all other names there from the VPC.
            zone_id = aws.route53.Zone(
                self.name,
                name=settings.domain_name,
                comment=f"Front door of {stack_name()}",
                vpcs=[aws.route53.ZoneVpcArgs(vpc_id=vpc_id)],
                tags=name_tag(self.name),
                opts=self.child(),
            ).zone_id
        aws.route53.Record(
            self.name,
            zone_id=zone_id,
            name=settings.domain_name,
            type="A",
            aliases=[aws.route53.RecordAliasArgs(name=target, zone_id=target_zone, evaluate_target_health=False)],
            opts=self.child(depends_on=association),
        )

    def web_acl(self, resource_arn: pulumi.Input[str]) -> None:
        """AWS WAF judges each call before this stage of an API, or this load balancer, where a web ACL is given.

        https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html
        """
        if arn := self.settings.web_acl_arn:
            # A resource has one web ACL, and DisassociateWebACL takes off whichever it is: the new one comes after it.
            opts = self.child(delete_before_replace=True)
            aws.wafv2.WebAclAssociation(self.name, resource_arn=resource_arn, web_acl_arn=arn, opts=opts)

    def expiry_alarm(self, certificate: pulumi.Input[str], topic_arn: pulumi.Input[str]) -> None:
        """ACM renews what it issued; what was imported ends unless somebody imports it anew.

        Twice a day, until it ends: https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
        """
        days = self.settings.expiry_days
        aws.cloudwatch.MetricAlarm(
            f"{self.name}-certificate",
            alarm_description=f"The certificate of {self.settings.domain_name} ends in fewer than {days} days",
            namespace="AWS/CertificateManager",
            metric_name="DaysToExpiry",
            dimensions={"CertificateArn": certificate},
            statistic="Minimum",
            period=DAY,
            evaluation_periods=1,
            comparison_operator="LessThanThreshold",
            threshold=days,
            treat_missing_data="ignore",  # without data it stays as it is: after its end there is none
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn],
            opts=self.child(),
        )
