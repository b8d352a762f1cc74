"""SageMaker's network interfaces outlive the endpoint, and block what they use."""

import pytest
from botocore.exceptions import ClientError

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from tests.rehearsal.served import Served, served_by
from tests.rehearsal.test_fleets import delete_role, without


@pytest.fixture
def stack(aws: EmbeddedAws) -> Served:
    return served_by(aws)


def delete_endpoint(stack: Served) -> None:
    stack.aws.client("sagemaker").delete_endpoint(EndpointName=stack.name)


def looks_until_gone(stack: Served, most: int = 10) -> int:
    """How often the interfaces are seen before they have gone."""
    return next((look for look in range(most) if not stack.interfaces()), most)


def test_an_instance_has_an_interface_in_the_models_subnets_and_group(stack: Served) -> None:
    found = stack.interfaces()
    assert {item["SubnetId"] for item in found} == set(stack.subnets)
    assert {group["GroupId"] for item in found for group in item["Groups"]} == {stack.group}
    assert {item["Status"] for item in found} == {"in-use"}
    assert all(stack.name in item["Description"] for item in found)


def test_an_interface_in_use_is_not_deleted(stack: Served) -> None:
    (first, *_) = stack.interfaces()
    with pytest.raises(ClientError, match="currently in use"):
        stack.aws.client("ec2").delete_network_interface(NetworkInterfaceId=first["NetworkInterfaceId"])


def test_interfaces_stay_while_the_endpoint_lives(stack: Served) -> None:
    assert looks_until_gone(stack) == 10


def test_interfaces_outlive_the_endpoint_and_go(stack: Served) -> None:
    delete_endpoint(stack)
    assert 0 < looks_until_gone(stack) < 10


def test_an_update_leaves_those_of_the_old_fleet_for_a_while(stack: Served) -> None:
    stack.update()
    assert len(stack.interfaces()) == 4
    while len(left := stack.interfaces()) > 2:
        pass
    assert {item["Status"] for item in left} == {"in-use"}


@pytest.mark.parametrize("lost", [delete_role, lambda stack: without(stack, "ec2:DeleteNetworkInterface")])
def test_without_the_role_they_stay(stack: Served, lost: object) -> None:
    delete_endpoint(stack)
    assert callable(lost)
    lost(stack)
    assert looks_until_gone(stack) == 10
    for interface in stack.interfaces():  # whoever is left with them can delete them
        stack.aws.client("ec2").delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    stack.aws.client("ec2").delete_security_group(GroupId=stack.group)


def test_they_block_their_group_and_subnets_and_then_let_them_go(stack: Served) -> None:
    ec2 = stack.aws.client("ec2")
    delete_endpoint(stack)
    with pytest.raises(ClientError, match=rf"DependencyViolation.*resource {stack.group} has a dependent object"):
        ec2.delete_security_group(GroupId=stack.group)
    with pytest.raises(ClientError, match=r"DependencyViolation.*has dependencies and cannot be deleted"):
        ec2.delete_subnet(SubnetId=stack.subnets[0])
    looks_until_gone(stack)
    ec2.delete_security_group(GroupId=stack.group)
    ec2.delete_subnet(SubnetId=stack.subnets[0])


def test_asking_to_delete_is_looking_too(stack: Served) -> None:
    """A tool that tries again and again, and looks at no interface, comes to an end."""
    delete_endpoint(stack)
    refusals = 0
    while refusals < 10:
        try:
            stack.aws.client("ec2").delete_security_group(GroupId=stack.group)
            break
        except ClientError:
            refusals += 1
    assert 0 < refusals < 10
