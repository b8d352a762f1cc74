"""How long the analysis of a whole VPC takes, and in how much memory, as its interfaces grow.

Run it with `python -m benchmarks.reachability`. The VPC has 6 zones, 18 subnets, 200 security groups and, built without
chance, interfaces that are each in two of them, hardly any two in the same two. In its *sparse* shape groups name three
others; in the *dense* one each also admits a port from the whole VPC, so that everything reaches everything.

Measured is the comparison with an intent, in seconds of processor time on one core: what `check` and `verify` do, over
every pair of interfaces that a control tells apart.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from private_inference.reachability.intent import Intent, Party, check
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
from private_inference.reachability.path_finder import PathFinder
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
    """One proof: its size, the pairs that were compared, the seconds it took and the process's peak in megabytes."""

    interfaces: int
    pairs: int
    seconds: float
    megabytes: float


def measure(interfaces: int, dense: bool = False) -> Measured:
    """Compare the VPC with an intent that has a party for each tier, from nothing but its model."""
    built = network(interfaces, dense)
    start = time.process_time()
    finder = PathFinder(built)
    by_tier = {tier: [one for one in built.interfaces.values() if one.subnet.startswith(tier)] for tier in TIERS}
    parties = [Party(tier, finder.interface_sets(members)) for tier, members in by_tier.items()]
    check(built, Intent(tuple(parties), ()))
    seconds = time.process_time() - start
    unit = 1 if sys.platform == "darwin" else 1024
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    pairs = sum(len(party.ends) for party in parties) ** 2
    return Measured(interfaces, pairs, seconds, megabytes)


def main() -> None:
    """Print one line for each shape and size."""
    sys.stdout.write("shape   interfaces      pairs  seconds  peak MB\n")
    for dense in (False, True):
        for interfaces in (50, 100, 200):
            one = measure(interfaces, dense)
            shape = "dense" if dense else "sparse"
            sys.stdout.write(
                f"{shape:6}  {one.interfaces:10,}  {one.pairs:9,}  {one.seconds:7.2f}  {one.megabytes:7.0f}\n"
            )


if __name__ == "__main__":
    main()
