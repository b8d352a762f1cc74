"""Who calls how much: a table of the front door's callers, which CloudWatch counts from its log of calls.

The calls that a trail logs are left out: CloudTrail delivers to CloudWatch Logs with a role whose trust AWS publishes
without a condition that bounds it to one trail (components/outside_calls.py).
"""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.names import stack_name
from components.variant import PERIOD_SECONDS

CONTRIBUTOR = ("$.caller", "$.path")
"""What one line of the table is about, as fields of the log: who calls, and which endpoint."""
LINES = 25
"""Of the table on the dashboard: the callers with the most calls."""


def rule_name() -> str:
    """Name of the rule: chosen here, so that a dashboard can name it before it exists."""
    return stack_name("callers")


def caller_table(log_group: pulumi.Input[str], opts: pulumi.ResourceOptions) -> aws.cloudwatch.ContributorInsightRule:
    """Counts the calls in a log group, by its name, of `private_api.ACCESS_LOG` or of the forwarder.

    CloudWatch reads the events as they come, with no permission for the log group or its key:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-contributor.html. The
    definition: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContributorInsights-RuleSyntax.html
    """
    definition = {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
        "LogGroupNames": [log_group],
        "LogFormat": "JSON",
        "Contribution": {"Keys": list(CONTRIBUTOR), "Filters": []},
        "AggregateOn": "Count",
    }
    return aws.cloudwatch.ContributorInsightRule(
        "callers",
        rule_name=rule_name(),
        rule_state="ENABLED",
        rule_definition=pulumi.Output.json_dumps(definition),
        opts=opts,
    )


def table_graph(rule: str, region: str) -> Mapping[str, Any]:
    """Properties of a dashboard's widget with a rule's table: a graph whose legend lists the callers and their calls.

    The form is the one that the console writes (Add to dashboard):
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContributorInsights-ViewReports.html
    """
    return {
        "title": "Callers of the front door, by calls",
        "region": region,
        "insightRule": {"ruleName": rule, "maxContributorCount": LINES, "orderBy": "Sum"},
        "period": PERIOD_SECONDS,
        "view": "timeSeries",
        "legend": {"position": "right"},
    }
