"""A reference is what its known values call, how many others there are, and which resources these may be."""

from typing import Any

from private_inference.graph.resources import Graph, Resource, type_and_name
from private_inference.graph.types import BUCKET, DEFAULT_NETWORK_ACL, SECURITY_GROUP, SUBNET, VPC
from private_inference.graph.values import Unknown

UNKNOWN = Unknown("urn", "path")


def resource(type_: str, name: str, sources: dict[str, list[str]] | None = None, **properties: Any) -> Resource:
    return Resource(f"urn::{name}", type_, name, properties, sources or {})


NETWORK = resource(VPC, "network", id="vpc-1", defaultNetworkAclId="acl-1")
FIRST, SECOND = resource(SUBNET, "first", id="subnet-1"), resource(SUBNET, "second", id=UNKNOWN)
LOGS = resource("aws:s3/bucketV2:BucketV2", "logs", id="logs-1", arn="arn:aws:s3:::logs-1", bucket="logs-1")


def test_known_values_name_resources_by_id_arn_or_name_and_others_stay_themselves() -> None:
    graph = Graph([NETWORK, FIRST, SECOND, LOGS])
    values = ["subnet-1", "arn:aws:s3:::logs-1", "acl-1", "subnet-9", "", None]
    found = graph.reference(resource("t", "user"), "key", values, BUCKET)
    assert found.named == (FIRST, LOGS, NETWORK, "subnet-9")
    assert (found.unknown, found.candidates) == ((), ())


def test_what_adopts_a_vpcs_default_names_the_vpc_by_the_id_that_both_have() -> None:
    adopted = resource(DEFAULT_NETWORK_ACL, "adopted", id="acl-1", defaultNetworkAclId="acl-1")
    graph = Graph([NETWORK, adopted])
    assert graph.reference(adopted, "defaultNetworkAclId", ["acl-1"], VPC).named == (NETWORK,)
    assert graph.reference(FIRST, "aclId", ["acl-1"], DEFAULT_NETWORK_ACL).named == (adopted,)


def test_unknown_values_may_be_the_resources_of_the_types_that_the_property_was_computed_from() -> None:
    graph = Graph([NETWORK, FIRST, SECOND, LOGS])
    sources = {"subnetIds": [FIRST.urn, NETWORK.urn, SECOND.urn, "urn::elsewhere"], "other": [LOGS.urn]}
    found = graph.reference(resource("t", "user", sources), "subnetIds", ["subnet-1", UNKNOWN], SUBNET, SECURITY_GROUP)
    assert found.named == (FIRST,)
    assert len(found.unknown) == 1
    assert found.candidates == (FIRST, SECOND)


def test_an_unknown_value_that_nothing_feeds_is_the_providers_answer_where_the_engine_tells_sources() -> None:
    of_stack = Resource("urn", "t", "n", {"fed": UNKNOWN, "unfed": UNKNOWN, "known": 1}, {"fed": [FIRST.urn]})
    assert [key for key in of_stack.properties if of_stack.is_answer(key)] == ["unfed"]
    assert of_stack.inputs("unfed") == []
    of_rule = Resource("urn", "t", "n", {"unfed": UNKNOWN}, None)
    assert [path for path, _ in of_rule.inputs("unfed")] == ["unfed"]


def test_a_urn_ends_in_type_and_name() -> None:
    assert type_and_name("urn:pulumi:dev::project::a:b:C$aws:s3/bucket:Bucket::my::name") == (BUCKET, "my::name")
    assert type_and_name("subnet-1") == ("", "subnet-1")
