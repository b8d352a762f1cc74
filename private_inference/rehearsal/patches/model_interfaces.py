"""SageMaker's network interfaces in the model subnets: they outlive the endpoint and block what they use.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html (resources go later, and only
while the execution role has its permissions), https://github.com/hashicorp/terraform-provider-aws/issues/34397 and
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1327 (what users see).
"""

from typing import Any

from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from private_inference.rehearsal.iam_decision import Request, may
from private_inference.rehearsal.patches.fleet_facts import find_role
from private_inference.rehearsal.patches.patch import patch

LOOKS = 3
"""How often an interface is met after its instance has gone, before it goes too: minutes on AWS, no time here."""


def place(ec2: Any, subnet: Any, groups: list[str], description: str) -> Any:
    """A network interface that an AWS service uses, with an address of its subnet's."""
    made = ec2.create_network_interface(subnet, None, group_ids=groups, description=description)
    address = subnet.get_available_subnet_ip(made)
    made.private_ip_address, made.status = address, "in-use"
    made.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
    return made


def attach(ec2: Any, subnet: Any, groups: list[str], endpoint_name: str, role_arn: str) -> Any:
    """A network interface for an instance.

    How AWS describes a hosting interface is not published; the form is that of SageMaker Studio's.
    """
    made = place(ec2, subnet, groups, f"[DO NOT DELETE] ENI managed by SageMaker for Endpoint({endpoint_name})")
    made.sagemaker_role, made.looks_left = role_arn, None
    return made


def release(interface: Any) -> None:
    """Let an interface linger: its instance has gone."""
    interface.looks_left, interface.status = LOOKS, "available"


def _meet(ec2: Any, interfaces: list[Any]) -> None:
    """Count a look at lingering interfaces. One that was looked at often enough goes, if its role may delete it."""
    for interface in interfaces:
        left = getattr(interface, "looks_left", None)
        if left is not None and left > 0:
            interface.looks_left -= 1
        elif left is not None and _may_delete(ec2, interface):
            interface.delete()


def stranded(ec2: Any) -> list[str]:
    """Ids of lingering interfaces that their role may not delete."""
    lingering = [interface for interface in ec2.enis.values() if getattr(interface, "looks_left", None) is not None]
    return [interface.id for interface in lingering if not _may_delete(ec2, interface)]


def _may_delete(ec2: Any, interface: Any) -> bool:
    role = find_role(ec2, interface.sagemaker_role)
    prefix = f"arn:{ec2.partition}:ec2:{ec2.region_name}:{ec2.account_id}"
    place = {
        "ec2:subnet": f"{prefix}:subnet/{interface.subnet_id}",
        "ec2:vpc": f"{prefix}:vpc/{interface.vpc_id}",
    }
    request = Request("ec2:DeleteNetworkInterface", f"{prefix}:network-interface/{interface.id}", place)
    return role is not None and may(role, request)


@patch(EC2Response, "describe_network_interfaces")
def lingering_interfaces(original: Any, response: Any) -> Any:
    """SageMaker's interfaces go some time after their instances, if the execution role may delete them by then."""
    ec2 = response.ec2_backend
    _meet(ec2, [*ec2.enis.values()])
    return original(response)


@patch(EC2Backend, "delete_security_group")
def group_in_use(original: Any, backend: Any, name: str | None = None, group_id: str | None = None) -> Any:
    """DeleteSecurityGroup refuses a group of a network interface (API_DeleteSecurityGroup: DependencyViolation)."""
    if group_id:
        _refuse_use(
            backend,
            lambda interface: group_id in {group.id for group in interface.group_set},
            f"resource {group_id} has a dependent object",
        )
    return original(backend, name, group_id)


@patch(EC2Backend, "delete_subnet")
def subnet_in_use(original: Any, backend: Any, subnet_id: str) -> Any:
    """DeleteSubnet refuses a subnet with a network interface (API_DeleteSubnet: DependencyViolation)."""
    _refuse_use(
        backend,
        lambda interface: interface.subnet_id == subnet_id,
        f"The subnet '{subnet_id}' has dependencies and cannot be deleted.",
    )
    return original(backend, subnet_id)


def _refuse_use(backend: Any, uses: Any, message: str) -> None:
    _meet(backend, [interface for interface in backend.enis.values() if uses(interface)])
    if any(uses(interface) for interface in backend.enis.values()):
        raise DependencyViolationError(message)


@patch(EC2Backend, "delete_network_interface")
def interface_in_use(original: Any, backend: Any, eni_id: str) -> Any:
    """DeleteNetworkInterface refuses an interface that is in use (API_DeleteNetworkInterface: detach it first)."""
    interface = backend.enis.get(eni_id)
    if interface is not None and hasattr(interface, "sagemaker_role") and interface.looks_left is None:
        raise EC2ClientError("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
    return original(backend, eni_id)
