"""VPC Block Public Access as EC2 describes it, and who is excluded from it."""

from functools import reduce

from private_inference.reachability.from_ec2.describe import Descriptions, Item
from private_inference.reachability.loading import more_open
from private_inference.reachability.model import BlockMode, ExclusionMode

IN_FORCE = frozenset({"default-state", "update-complete"})
"""States of the options in which their mode is that of the Region: while it changes, nothing counts as blocked.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessOptions.html
"""
EXCLUDING = frozenset({"create-complete", "update-complete"})
ENDED = frozenset({"create-failed", "delete-complete", "disable-complete"})
"""States of an exclusion in which it has its mode, and those in which it is none: in all others it counts as open.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessExclusion.html
"""


def block_mode(described: Descriptions, vpc: Item) -> BlockMode:
    """The mode in force for a VPC. It is its owner's, not that of an account that the VPC's subnets are shared with."""
    (options,) = described["VpcBlockPublicAccessOptions"]
    mode, own = options["InternetGatewayBlockMode"], options["AwsAccountId"] == vpc["OwnerId"]
    return BlockMode(mode) if own and options["State"] in IN_FORCE and mode in list(BlockMode) else BlockMode.OFF


def exclusion(described: Descriptions, subnet: str, vpc: str) -> ExclusionMode | None:
    """The exclusion of a subnet, by its id, or of its VPC."""
    found = [
        _mode(one)
        for one in described["VpcBlockPublicAccessExclusions"]
        if one["State"] not in ENDED and one["ResourceArn"].rpartition("/")[2] in (subnet, vpc)
    ]
    return reduce(more_open, found) if found else None


def _mode(exclusion: Item) -> ExclusionMode:
    mode = exclusion["InternetGatewayExclusionMode"]
    return (
        ExclusionMode.EGRESS
        if exclusion["State"] in EXCLUDING and mode == ExclusionMode.EGRESS
        else ExclusionMode.BIDIRECTIONAL
    )
