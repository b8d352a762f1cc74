"""The front door's load balancer: it ends TLS for clients that show a certificate, and passes their calls on."""

from __future__ import annotations  # aws.lb and aws.ecs are loaded by those stacks alone that use them

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_aws as aws

from components.flows import FORWARDER_PORTS, HTTPS
from components.names import name_tag
from components.network import INTERFACE_DELETION
from components.own_name import OwnName
from components.settings.front_door import FrontDoorSettings
from components.settings.load_balancer import LoadBalancerSettings
from components.watch import Watch

LONGEST_DRAINING = 3600
"""Seconds: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html"""
METRICS = "AWS/ApplicationELB"
FIVE_MINUTES = 300
MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """Where the balancer is, under which name, and whose certificates it takes."""

    settings: FrontDoorSettings
    balancer: LoadBalancerSettings
    authorities: aws.s3.BucketObjectv2
    """The certificates of the CAs that clients have theirs of."""
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """In two zones at least."""
    security_group_id: pulumi.Input[str]
    topic_arn: pulumi.Input[str]
    protect: bool
    """Whether AWS refuses to delete the balancer."""


class LoadBalancer(pulumi.ComponentResource):
    """An internal balancer with one listener, which lets in nobody whose certificate no CA of its trust store issued.

    The balancer verifies no certificate of a target, which may be self-signed:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
    """

    url: str
    balancer: aws.lb.LoadBalancer
    target_group: aws.lb.TargetGroup
    listener: aws.lb.Listener

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:access:LoadBalancer", name, None, opts)
        self._name = name
        self._args = args
        self._child = partial(pulumi.ResourceOptions, parent=self)
        own = OwnName(name, args.settings, self._child)
        certificate = own.certificate()
        self.balancer = self._balancer()
        self.target_group = self._target_group()
        self.listener = self._listener(certificate)
        own.record(args.vpc_id, self.balancer.dns_name, self.balancer.zone_id)
        own.web_acl(self.balancer.arn)
        own.expiry_alarm(certificate, args.topic_arn)
        self._alarms()
        self.url = f"https://{args.settings.domain_name}"
        self.register_outputs({"url": self.url})

    def _balancer(self) -> aws.lb.LoadBalancer:
        """Without access logs: they go to S3 under S3's own keys alone. The forwarder logs calls, under the logs key.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        """
        args = self._args
        return aws.lb.LoadBalancer(
            self._name,
            internal=True,
            load_balancer_type="application",
            ip_address_type="ipv4",
            subnets=args.subnet_ids,
            security_groups=[args.security_group_id],
            idle_timeout=args.balancer.timeout_seconds,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            enable_deletion_protection=args.protect,
            tags=name_tag(self._name),
            opts=self._child(custom_timeouts=pulumi.CustomTimeouts(delete=INTERFACE_DELETION)),
        )

    def _target_group(self) -> aws.lb.TargetGroup:
        port, _ = FORWARDER_PORTS
        return aws.lb.TargetGroup(
            self._name,
            vpc_id=self._args.vpc_id,
            target_type="ip",
            protocol="HTTPS",
            port=port,
            # A task that is replaced answers what it has begun.
            deregistration_delay=min(self._args.balancer.timeout_seconds, LONGEST_DRAINING),
            health_check=aws.lb.TargetGroupHealthCheckArgs(protocol="HTTPS", path="/ping", matcher="200"),
            tags=name_tag(self._name),
            opts=self._child(),
        )

    def _listener(self, certificate: pulumi.Input[str]) -> aws.lb.Listener:
        args = self._args
        port, _ = HTTPS
        store = aws.lb.TrustStore(
            self._name,
            ca_certificates_bundle_s3_bucket=args.authorities.bucket,
            ca_certificates_bundle_s3_key=args.authorities.key,
            tags=name_tag(self._name),
            opts=self._child(),
        )
        return aws.lb.Listener(
            self._name,
            load_balancer_arn=self.balancer.arn,
            port=port,
            protocol="HTTPS",
            ssl_policy=args.balancer.tls_policy,
            certificate_arn=certificate,
            mutual_authentication=aws.lb.ListenerMutualAuthenticationArgs(
                mode="verify", trust_store_arn=store.arn, ignore_client_certificate_expiry=False
            ),
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=self.target_group.arn)],
            tags=name_tag(self._name),
            opts=self._child(),
        )

    def _alarms(self) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"""
        watch = Watch(self._name, self._args.topic_arn, self)
        balancer = {"LoadBalancer": self.balancer.arn_suffix}
        targets = balancer | {"TargetGroup": self.target_group.arn_suffix}
        tasks = self._args.balancer.tasks
        watch.alarm(
            "tasks",
            f"Fewer than {tasks} forwarders are healthy, three minutes long",
            tasks,
            comparison="LessThanThreshold",
            periods=3,
            missing="breaching",  # without a target there is no datapoint
            namespace=METRICS,
            metric_name="HealthyHostCount",
            statistic="Minimum",
            period=MINUTE,
            dimensions=targets,
        )
        for subject, said, metric, dimensions in (
            ("balancer-errors", "The load balancer itself answers with status 5XX", "HTTPCode_ELB_5XX_Count", balancer),
            ("forwarder-errors", "The forwarder answers with status 5XX", "HTTPCode_Target_5XX_Count", targets),
            (
                "refused",
                "A TLS handshake fails: of a client's certificate, too",
                "ClientTLSNegotiationErrorCount",
                balancer,
            ),
        ):
            watch.alarm(
                subject,
                said,
                1,
                namespace=METRICS,
                metric_name=metric,
                statistic="Sum",
                period=FIVE_MINUTES,
                dimensions=dimensions,
            )
