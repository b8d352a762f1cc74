"""What an account is allowed and uses, as Service Quotas, CloudWatch and the services themselves say.

https://docs.aws.amazon.com/servicequotas/latest/userguide/configure-cloudwatch.html
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from private_inference.quotas.published import Quota
from private_inference.quotas.verdicts import Allowance

Client = Callable[[str], Any]

_LISTED: Mapping[str, tuple[str, str, str, Mapping[str, Any]]] = {
    "L-F678F1CE": ("ec2", "describe_vpcs", "Vpcs", {}),
    "L-E79EC296": ("ec2", "describe_security_groups", "SecurityGroups", {}),
    "L-DF5E4CA3": ("ec2", "describe_network_interfaces", "NetworkInterfaces", {}),
    "L-1B52E74A": (
        "ec2",
        "describe_vpc_endpoints",
        "VpcEndpoints",
        {"Filters": [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]},
    ),
    "L-FE177D64": ("iam", "list_roles", "Roles", {}),
    "L-E95E4862": ("iam", "list_policies", "Policies", {"Scope": "Local"}),
    "L-DC2B2D3D": ("s3", "list_buckets", "Buckets", {}),
    "L-61103206": ("sns", "list_topics", "Topics", {}),
    "L-C3B871CB": ("ssm", "describe_parameters", "Parameters", {}),
    "L-1568E18E": ("cloudtrail", "list_trails", "Trails", {}),
    "L-1AAF0700": (
        "application-autoscaling",
        "describe_scalable_targets",
        "ScalableTargets",
        {"ServiceNamespace": "sagemaker"},
    ),
}
"""By quota: the call that lists what counts against it, where the quota has no metric of its own."""

_IN_USE = timedelta(days=1)
"""How far back a metric of usage is read: it may have a point in a day."""


class Allowances:
    """The allowances of the account that `client` (a function from a service's name to its boto3 client) is for."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def of(self, quota: Quota) -> Allowance:
        """What the account is allowed of a quota, and uses of it where the whole account counts."""
        if not quota.listed:
            return Allowance(quota.default)
        try:
            answer = self._quota(quota)
        except (BotoCoreError, ClientError) as error:
            return Allowance(None, reason=f"Service Quotas could not be asked: {_told(error)}")
        if answer is None:
            return Allowance(None, reason=f"Service Quotas knows no {quota.name!r} here")
        code = answer["QuotaCode"]
        if not quota.whole_account:
            return Allowance(answer["Value"], code=code)
        try:
            used = self._used(code, answer.get("UsageMetric") or {})
        except (BotoCoreError, ClientError) as error:
            return Allowance(answer["Value"], code=code, reason=f"what is in use could not be read: {_told(error)}")
        return Allowance(answer["Value"], used, code, "" if used is not None else "AWS does not say what is in use")

    def _quota(self, quota: Quota) -> Mapping[str, Any] | None:
        """The account's own value; the default, which Service Quotas has apart, for a quota it never applied.

        https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
        """
        if not quota.code:
            return self._of_sagemaker.get(quota.name)
        client, asked = self._client("service-quotas"), {"ServiceCode": quota.service, "QuotaCode": quota.code}
        try:
            found: Mapping[str, Any] = client.get_service_quota(**asked)["Quota"]
        except client.exceptions.NoSuchResourceException:
            found = client.get_aws_default_service_quota(**asked)["Quota"]
        return found

    @cached_property
    def _of_sagemaker(self) -> Mapping[str, Mapping[str, Any]]:
        pages = self._client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
        return {each["QuotaName"]: each for page in pages for each in page["Quotas"]}

    def _used(self, code: str, metric: Mapping[str, Any]) -> float | None:
        if metric.get("MetricNamespace"):
            points = self._points(metric)
            # Without a point nothing was in use, or nothing was published: which, can't be told.
            return max(points) if points else self.listed(code)
        return self.listed(code)

    def _points(self, metric: Mapping[str, Any]) -> Sequence[float]:
        now, statistic = datetime.now(UTC), metric.get("MetricStatisticRecommendation", "Maximum")
        answer = self._client("cloudwatch").get_metric_statistics(
            Namespace=metric["MetricNamespace"],
            MetricName=metric["MetricName"],
            Dimensions=[{"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()],
            StartTime=now - _IN_USE,
            EndTime=now,
            Period=3600,
            Statistics=[statistic],
        )
        return [point[statistic] for point in answer["Datapoints"]]

    def listed(self, code: str) -> float | None:
        """How many there are of what counts against a quota, by the service itself; None where no call lists that."""
        if code not in _LISTED:
            return None
        service, operation, key, asked = _LISTED[code]
        client = self._client(service)
        if not client.can_paginate(operation):
            return float(len(getattr(client, operation)(**asked)[key]))
        return float(sum(len(page[key]) for page in client.get_paginator(operation).paginate(**asked)))


def _told(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else str(error)
