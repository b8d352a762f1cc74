"""How long all questions about a stack take in an account with very many principals, and how much memory.

Run it with `python -m benchmarks.account`, and a number of principals if not 10,000. The account is generated from that
number, as IAM would describe it: two in five are CI roles that differ in name alone; the others have policies of their
own, most about other resources, some about the stack's; every tenth has a permissions boundary; users are in groups,
and have tags that conditions ask for. The stack is `dev`, with the documents that its program declares. Times are of
the processor, on one core; memory is the most that the process has had.
"""

import resource
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from private_inference.authorization.alike import grouped
from private_inference.authorization.everyone import everyone
from private_inference.authorization.from_account.described import Described, Item
from private_inference.authorization.from_account.load import load
from private_inference.authorization.intent import check
from private_inference.authorization.model import Account
from private_inference.cli.check import permissions
from private_inference.runner.project import load_stack

PRINCIPALS = 10_000
SERVICES = ("s3", "sqs", "dynamodb", "sagemaker", "kms", "ecr", "logs", "iam", "sns", "lambda")
VERBS = ("Get*", "List*", "Describe*", "Put*", "*", "InvokeEndpoint", "Decrypt", "GetObject", "PassRole", "Publish")


def main() -> None:
    out, count = Console(), int(sys.argv[1]) if len(sys.argv) > 1 else PRINCIPALS
    stack, intent = permissions(load_stack(Path(), "dev"))
    described = account(stack, count, Random(count))  # noqa: S311
    start = time.process_time()
    loaded = load(described)
    # The stack's own resources and paths, and its roles, as its program declares them.
    whole = Account(
        stack.id,
        stack.partition,
        (*stack.principals, *loaded.principals),
        stack.resources,
        stack.paths,
        complete=True,
    )
    read = time.process_time()
    alike = grouped(whole)
    told_apart = time.process_time()
    report = check(alike, intent)
    done = time.process_time()
    verdicts = Counter(str(each.answer.verdict) for each in report.judged)
    surplus = {each.answer.question.principal.name: each.answer.question.principal for each in report.failures}
    named = sum(len(each.members) or 1 for each in surplus.values())
    out.print(
        f"{count} principals, of {len(list(everyone(alike)))} kinds: {report.questions} answers, {dict(verdicts)}"
    )
    out.print(f"{named} principals have more than was asked for")
    out.print(f"read {read - start:.1f} s, told apart {told_apart - read:.1f} s, asked {done - told_apart:.1f} s")
    out.print(f"altogether {done - start:.1f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def account(stack: Account, count: int, random: Random) -> Described:
    """What IAM would describe."""
    policies = [_managed(stack, number, random) for number in range(200)]
    groups = [_holder("Group", stack, f"group-{number}", random, policies) for number in range(50)]
    own = [each.arn for each in stack.resources]
    ci = [_statement(random, own, stack.id), _statement(random, own, stack.id)]
    alike, users = count * 2 // 5, count // 5
    roles = [_role(stack, f"ci-{number}", ci) for number in range(alike)]
    people = [
        {
            **_holder("User", stack, f"user-{number}", random, policies),
            "UserId": f"AIDA{number:012}",
            "GroupList": [each["GroupName"] for each in random.sample(groups, random.randint(0, 3))],
            "Tags": [{"Key": "team", "Value": random.choice(["ml", "ops", "web"])}],
        }
        for number in range(users)
    ]
    trust = _document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})
    roles += [
        {**_holder("Role", stack, f"role-{number}", random, policies), "AssumeRolePolicyDocument": trust}
        for number in range(count - alike - users)
    ]
    return Described(stack.id, stack.partition, people, groups, roles, policies, (), (), {})


def _holder(kind: str, stack: Account, name: str, random: Random, policies: list[Item]) -> dict[str, Any]:
    own = [each.arn for each in stack.resources]
    bound = random.choice(policies)["Arn"]
    inline = [_statement(random, own, stack.id) for _ in range(random.randint(1, 5))]
    return {
        f"{kind}Name": name,
        "Arn": f"arn:{stack.partition}:iam::{stack.id}:{kind.lower()}/{name}",
        f"{kind}PolicyList": [{"PolicyName": "own", "PolicyDocument": _document(*inline)}],
        "AttachedManagedPolicies": [{"PolicyArn": random.choice(policies)["Arn"]} for _ in range(random.randint(0, 2))],
        **({"PermissionsBoundary": {"PermissionsBoundaryArn": bound}} if random.random() < 0.1 else {}),
    }


def _role(stack: Account, name: str, statements: list[Any]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "codebuild.amazonaws.com"}}
    return {
        "RoleName": name,
        "Arn": f"arn:{stack.partition}:iam::{stack.id}:role/ci/{name}",
        "RolePolicyList": [{"PolicyName": "build", "PolicyDocument": _document(*statements)}],
        "AssumeRolePolicyDocument": _document(trust),
    }


def _managed(stack: Account, number: int, random: Random) -> Item:
    own = [each.arn for each in stack.resources]
    document = _document(*(_statement(random, own, stack.id) for _ in range(random.randint(1, 8))))
    arn = f"arn:{stack.partition}:iam::{stack.id}:policy/managed-{number}"
    return {"Arn": arn, "DefaultVersionId": "v1", "PolicyVersionList": [{"VersionId": "v1", "Document": document}]}


def _statement(random: Random, own: list[str], account: str) -> dict[str, Any]:
    service = random.choice(SERVICES)
    name = f"{service}-{random.randint(0, 5000)}"
    theirs = [f"arn:aws:{service}:us-east-1:{account}:{name}/*", f"arn:aws:s3:::{name}/*", f"arn:aws:s3:::{name}-*"]
    resources = random.choices([theirs, own, ["*"]], weights=[85, 5, 10])[0]
    found: dict[str, Any] = {
        "Effect": "Allow" if random.random() < 0.9 else "Deny",
        "Action": [f"{service}:{verb}" for verb in random.sample(VERBS, random.randint(1, 3))],
        "Resource": random.sample(resources, random.randint(1, min(3, len(resources)))),
    }
    if random.random() < 0.2:
        conditions = [
            {"StringEquals": {"aws:PrincipalTag/team": random.choice(["ml", "ops"])}},
            {"StringEquals": {"aws:RequestedRegion": random.choice(["us-east-1", "eu-west-1"])}},
            {"IpAddress": {"aws:SourceIp": f"10.{random.randint(0, 255)}.0.0/16"}},
            {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        ]
        found["Condition"] = random.choice(conditions)
    return found


def _document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


if __name__ == "__main__":
    main()
