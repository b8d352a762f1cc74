"""One compliant stack (the program itself, and neighbours), deployed and previewed, that every mutant is made from."""

from pathlib import Path

import pytest

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig
from tests.policy import neighbours
from tests.policy.graph import Graph
from tests.support.recording import REGION, stack_config
from tests.support.stacks import endpoint

GATEWAY = "vgw-0a1b2c3d4e5f60718"
LOG_BUCKET = "access-logs-of-the-account"


@pytest.fixture(scope="session")
def config(archive: Path) -> StackConfig:
    """A stack with everything that rules look at."""
    return stack_config(
        {
            "owner": "ml-platform",
            "costCenter": "research",
            "network": {
                "cidr": "10.0.0.0/16",
                "deniedCidrs": ["203.0.113.0/24"],
                "onPremises": {"cidrs": ["192.168.0.0/16"], "gatewayId": GATEWAY},
            },
            "privateAccess": {"interfaceEndpoints": ["logs"], "dynamodb": True},
            "artifacts": {"accessLogBucket": LOG_BUCKET},
            "operators": {"emails": ["ml-platform@example.com"], "callsFromOutside": True},
            "accountGuards": {
                "ebsDefaultKeyArn": f"arn:aws:kms:{REGION}:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
                "ebsSnapshotBlockPublicAccess": True,
                "s3BlockPublicAccess": True,
            },
            "endpoints": [endpoint(archive)],
        }
    )


def _create_log_bucket(aws: EmbeddedAws) -> None:
    """The account's bucket of access logs, as S3 asks for it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    delivery = {"Service": "logging.s3.amazonaws.com"}
    objects = f"arn:aws:s3:::{LOG_BUCKET}/*"
    policy = neighbours.allow("s3:PutObject", objects, Principal=delivery)
    aws.client("s3").create_bucket(Bucket=LOG_BUCKET)
    aws.client("s3").put_bucket_policy(Bucket=LOG_BUCKET, Policy=policy)


@pytest.fixture(scope="session")
def deployed(config: StackConfig) -> Graph:
    """The stack as it is after `pulumi up`: rehearsed, every value known."""
    with EmbeddedAws(REGION, gateways=[GATEWAY]) as aws:
        _create_log_bucket(aws)
        run = run_program(config, MotoEngine(aws))
    graph = Graph(run.all_resources, preview=False)
    neighbours.join(graph)
    return graph


@pytest.fixture(scope="session")
def previewed(config: StackConfig) -> Graph:
    """The stack as `pulumi preview` knows it: ids and ARNs to come."""
    run = run_program(config, PreviewEngine(REGION), preview=True)
    graph = Graph(run.all_resources, preview=True)
    neighbours.join(graph)
    return graph
