"""How long the analysis of a whole VPC takes, and in how much memory, as its interfaces grow.

Run it with `python -m benchmarks.reachability`. The VPC has 6 zones, 18 subnets, 200 security groups and, built without
chance, interfaces that are each in two of them, hardly any two in the same two. In its *sparse* shape groups name three
others; in the *dense* one each also admits a port from the whole VPC, so that everything reaches everything.

Measured are the exact set of sources of every interface, and the list of all paths between interfaces, in seconds of
processor time on one core. The target for the sets, of 2,000 interfaces: 2 s and 500 MB.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from private_inference.reachability.model import (
    AclRule,
    Cidr,
    Gateway,
    GatewayKind,
    GroupRef,
    Interface,
    Network,
    NetworkAcl,
    PrefixListRef,
    Route,
    RouteTable,
    SecurityGroup,
    SgRule,
    Subnet,
    Thing,
    Vpc,
)
from private_inference.reachability.reach import Reach
from private_inference.reachability.traffic import services

ZONES, GROUPS = 6, 200
TIERS = ("app", "access", "model")
HTTPS, RETURNS = services("tcp", 443, 443), services("tcp", 1024, 65535)


def network(interfaces: int, dense: bool = False) -> Network:
    """A VPC with the given number of interfaces."""
    return Network.of(
        [
            Vpc("vpc", ("10.0.0.0/8",)),
            Gateway("s3", "vpc", GatewayKind.ENDPOINT, prefix_list="pl-s3"),
            Gateway("vgw", "vpc", GatewayKind.VIRTUAL_PRIVATE),
            *(thing for number, tier in enumerate(TIERS) for thing in _tier(number, tier)),
            *(_group(number, dense) for number in range(GROUPS)),
            *map(_interface, range(interfaces)),
        ],
        {"pl-s3": ("52.216.0.0/15", "54.231.0.0/16")},
    )


def _tier(number: int, tier: str) -> Iterator[Thing]:
    routes = (Route(PrefixListRef("pl-s3"), "s3"), Route(Cidr("172.16.0.0/12"), "vgw"))
    rules = (
        AclRule(10, False, services("-1"), "10.66.0.0/16"),
        AclRule(100, True, HTTPS, "10.0.0.0/8"),
        AclRule(110, True, RETURNS, "10.0.0.0/8"),
        AclRule(120, True, HTTPS, "172.16.0.0/12"),
        AclRule(130, True, RETURNS, "172.16.0.0/12"),
        AclRule(140, True, HTTPS, "52.216.0.0/15"),
    )
    yield RouteTable(f"rtb-{tier}", "vpc", routes)
    yield NetworkAcl(f"acl-{tier}", "vpc", rules, rules)
    for zone in range(ZONES):
        block = f"10.{number * 20 + zone}.0.0/16"
        yield Subnet(f"{tier}-{zone}", "vpc", f"zone-{zone}", (block,), f"rtb-{tier}", f"acl-{tier}")


def _group(number: int, dense: bool) -> SecurityGroup:
    peers = [GroupRef(f"sg-{(number + step) % GROUPS}") for step in (1, 7, 31)]
    ingress = [SgRule(HTTPS, peer) for peer in peers]
    if number % 10 == 0:
        ingress.append(SgRule(HTTPS, Cidr("172.16.0.0/12")))
    if dense:
        ingress.append(SgRule(services("tcp", 9100, 9100), Cidr("10.0.0.0/8")))
    egress = (SgRule(services("-1"), Cidr("0.0.0.0/0")), SgRule(HTTPS, PrefixListRef("pl-s3")))
    return SecurityGroup(f"sg-{number}", "vpc", tuple(ingress), egress)


def _interface(number: int) -> Interface:
    tier, zone = TIERS[number % len(TIERS)], number // len(TIERS) % ZONES
    host = number // (len(TIERS) * ZONES)
    address = f"10.{TIERS.index(tier) * 20 + zone}.{1 + host // 200}.{10 + host % 200}"
    groups = frozenset({f"sg-{number * 7 % GROUPS}", f"sg-{(number * 13 + number // GROUPS) % GROUPS}"})
    return Interface(f"eni-{number}", f"{tier}-{zone}", groups, (address,))


@dataclass(frozen=True)
class Measured:
    """One analysis: what went in, what was found and the seconds for it, and the process's peak so far in megabytes."""

    interfaces: int
    placements: int
    set_seconds: float
    paths: int
    path_seconds: float
    megabytes: float


def measure(interfaces: int, dense: bool = False) -> Measured:
    """Analyse the VPC twice from nothing but its model, for the sets and for the paths."""
    built = network(interfaces, dense)
    start = time.process_time()
    reach = Reach(built)
    for placement in reach.placements:
        reach.sources(placement)
    set_seconds = time.process_time() - start
    start = time.process_time()
    paths = sum(1 for _ in Reach(built).paths())
    path_seconds = time.process_time() - start
    unit = 1 if sys.platform == "darwin" else 1024
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return Measured(interfaces, len(reach.placements), set_seconds, paths, path_seconds, megabytes)


def main() -> None:
    """Print one line for each shape and size."""
    sys.stdout.write("shape   interfaces  placements  sets, s      paths  paths, s  peak MB\n")
    for dense, sizes in ((False, (500, 1000, 2000, 4000)), (True, (500, 1000, 2000))):
        for interfaces in sizes:
            one = measure(interfaces, dense)
            shape = "dense" if dense else "sparse"
            sys.stdout.write(
                f"{shape:6}  {one.interfaces:10,}  {one.placements:10,}  {one.set_seconds:7.2f}"
                f"  {one.paths:9,}  {one.path_seconds:8.2f}  {one.megabytes:7.0f}\n"
            )


if __name__ == "__main__":
    main()
