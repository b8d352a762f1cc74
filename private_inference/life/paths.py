"""The network after each call that changes it: from the first deployment on, intended paths exist, and no other."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings import Settings
from private_inference.reachability.from_ec2.describe import describe
from private_inference.reachability.from_ec2.load import load
from private_inference.reachability.intent import Report, check
from private_inference.reachability.model import Network
from private_inference.reachability.stack_intent import intent_from
from private_inference.reachability.transition import transition, where
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.verification.proof import explained
from private_inference.verification.reader import Reader


class Paths:
    """The networks of a step, and what was wrong with them.

    They are judged when the step is over. Only then it is known which subnets were there all along: others come or go,
    and nothing needs to reach them yet, or any more.
    """

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self._intended: list[Settings] = []
        self._deployed = False
        self._before: Network | None = None
        self._seen: list[tuple[str, Network]] = []

    def intend(self, settings: Settings) -> None:
        """A deployment of these settings starts. Until one went through, those before it are in force as well."""
        self._deployed = False
        if settings not in self._intended:
            self._intended.append(settings)

    def deployed(self) -> None:
        """The deployment went through: after this step, what was intended last is all that is intended."""
        self._deployed = True

    def after(self, call: str) -> None:
        """Keep the network as it is after a call, once there is one that was deployed."""
        if self._before is not None:
            network = self._network()
            if network != (self._seen[-1][1] if self._seen else self._before):
                self._seen.append((call, network))

    def judge(self) -> Iterator[tuple[str, str]]:
        """Each thing that was wrong in the step that is over: the call after which it was seen, and what it was."""
        if not (self._seen or self._deployed):
            return
        last = self._network()
        if self._before is not None:
            stayed = self._before.subnets.keys() & last.subnets.keys()
            for call, network in self._seen:
                intents = (where(intent_from(settings, network), stayed) for settings in self._intended)
                yield from ((call, wrong) for wrong in _wrong(check(network, transition(*intents))))
        if self._deployed:
            del self._intended[:-1]
            yield from (
                ("the end of the step", wrong) for wrong in _wrong(check(last, intent_from(self._intended[0], last)))
            )
            self._before = last
        self._seen.clear()

    def _network(self) -> Network:
        ec2 = self._aws.client("ec2")
        own = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
        return load(describe(Reader(self._aws.client), [vpc["VpcId"] for vpc in own]))


def _wrong(report: Report) -> Iterator[str]:
    yield from report.unmet
    yield from (f"{one.resource}: {one.property} {one.reason}" for one in report.undecided)
    yield from map(explained, report.failures)
