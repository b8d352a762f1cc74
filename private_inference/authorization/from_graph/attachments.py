"""Which documents a program attaches to its roles and resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from private_inference.authorization.model import AccessPoint, Organization, Policy, level, read_policy
from private_inference.graph import types
from private_inference.graph.hidden import hidden_by
from private_inference.graph.resources import Graph, Resource
from private_inference.graph.values import Unknown, pick

POLICIES = {
    types.BUCKET: (types.BUCKET_POLICY, "bucket"),
    types.ACCESS_POINT: (types.ACCESS_POINT_POLICY, "accessPointArn"),
    types.KMS_KEY: (types.KMS_KEY_POLICY, "keyId"),
    types.SNS_TOPIC: (types.SNS_TOPIC_POLICY, "arn"),
    types.SQS_QUEUE: (types.SQS_QUEUE_POLICY, "queueUrl"),
    types.SECRET: (types.SECRET_POLICY, "secretArn"),
    types.ECR_REPOSITORY: (types.ECR_REPOSITORY_POLICY, "repository"),
    types.REST_API: (types.REST_API_POLICY, "restApiId"),
    types.VPC_ENDPOINT: (types.VPC_ENDPOINT_POLICY, "vpcEndpointId"),
}
"""By type of a resource: what gives it a policy, and the property that names the resource."""

UNMODELLED = (
    "aws:iam/user:User",
    "aws:iam/group:Group",
    "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint",
    "aws:s3control/objectLambdaAccessPoint:ObjectLambdaAccessPoint",
    "aws:s3/bucketAcl:BucketAcl",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:kms/externalKey:ExternalKey",
    "aws:lambda/functionUrl:FunctionUrl",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
)
"""Types that have a say about who may what, and that aren't read."""

CONTROLS = {"SERVICE_CONTROL_POLICY": "scps", "RESOURCE_CONTROL_POLICY": "rcps"}
"""Types of an organization's policies that have a say about requests, and what `Organization` calls them."""


class Attachments:
    """The documents of a program, by what they are attached to."""

    def __init__(self, graph: Graph[Resource]) -> None:
        self._graph = graph
        unread = [f"{each.type.split(':')[-1]} {each.name} is not read" for each in graph.all(*UNMODELLED)]
        unread += [f"{each.type.split(':')[-1]} {each.name} {what}" for each in graph for what in hidden_by(each)]
        self._gaps: dict[str, None] = dict.fromkeys(unread)

    def gaps(self) -> tuple[str, ...]:
        """What couldn't be attached to anything."""
        attaching = [(type_, key, to) for to, (type_, key) in POLICIES.items()]
        attaching += [(types.IAM_ROLE_POLICY, "role", types.IAM_ROLE)]
        attaching += [(types.IAM_ROLE_POLICY_ATTACHMENT, "role", types.IAM_ROLE)]
        attaching += [(types.ACCESS_POINT, "bucket", types.BUCKET)]
        attaching += [(types.ORGANIZATION_POLICY_ATTACHMENT, "policyId", types.ORGANIZATION_POLICY)]
        for type_, key, to in attaching:
            for each in self._graph.all(type_):
                if not self._named(each, key, to):
                    self._gaps[f"what {type_.split(':')[-1]} {each.name} is attached to is not of this program"] = None
        return tuple(self._gaps)

    def identity(self, role: Resource) -> Iterator[Policy]:
        """The policies of a role: inline, stand-alone and managed."""
        for position, (_, inline) in enumerate(role.inputs("inlinePolicies")):
            yield read_policy(f"inline policy {position} of role {role.name}", pick(inline, "policy"))
        for each in self._attached(types.IAM_ROLE_POLICY, "role", role):
            yield read_policy(f"role policy {each.name}", each.get("policy"))
        for holder, key, value in self._attachments(role):
            yield self._managed(holder, key, value)

    def managed(self, role: Resource) -> Iterator[Resource]:
        """The program's policies that are attached to a role."""
        for holder, key, value in self._attachments(role):
            yield from self._policies(holder, key, value)

    def _attachments(self, role: Resource) -> Iterator[tuple[Resource, str, Any]]:
        """What names a managed policy for a role, under which key, and how."""
        for _, arn in role.inputs("managedPolicyArns"):
            yield role, "managedPolicyArns", arn
        for each in self._attached(types.IAM_ROLE_POLICY_ATTACHMENT, "role", role):
            yield each, "policyArn", each.get("policyArn")
        for each in self._attached(types.IAM_POLICY_ATTACHMENT, "roles", role):
            yield each, "policyArn", each.get("policyArn")

    def boundary(self, role: Resource) -> Policy | None:
        """The permissions boundary of a role."""
        given = role.given("permissionsBoundary")
        return None if given is None else self._managed(role, "permissionsBoundary", given)

    def organization(self, account: str) -> Organization:
        """The policies of an organization that are attached to the account itself.

        Whether a unit or a root holds the account isn't known: what is attached there doesn't count, and is a gap.
        """
        found: dict[str, list[Policy]] = {kind: [] for kind in CONTROLS.values()}
        for attachment in self._graph.all(types.ORGANIZATION_POLICY_ATTACHMENT):
            target = attachment.get("targetId")
            for policy in self._named(attachment, "policyId", types.ORGANIZATION_POLICY):
                type_ = policy.given("type")
                kind = CONTROLS.get(type_ or "SERVICE_CONTROL_POLICY") if not isinstance(type_, Unknown) else None
                if isinstance(target, Unknown) or target != account:
                    self._gaps[
                        f"whether PolicyAttachment {attachment.name} is to what holds the account is not known"
                    ] = None
                elif kind:
                    found[kind].append(read_policy(f"policy {policy.name}", policy.get("content")))
        return Organization(**{kind: level(policies) for kind, policies in found.items()})

    def access_points(self, bucket: Resource, account: str) -> Iterator[AccessPoint]:
        """The access points of a bucket; one whose ARN or VPC isn't known yet is a gap."""
        for each in self._attached(types.ACCESS_POINT, "bucket", bucket):
            arn, vpc = each.get("arn"), each.get("vpcConfiguration", "vpcId")
            known = isinstance(bucket.get("arn"), str) and not isinstance(vpc, Unknown)
            if isinstance(arn, str) and known:
                yield AccessPoint(f"access point {each.name}", arn, account, self.of_resource(each), vpc)
            else:
                self._gaps[f"AccessPoint {each.name} is known after deployment only"] = None

    def of_resource(self, resource: Resource) -> Policy | None:
        """The policy of a resource, wherever it is written, with what grants and permissions add to it.

        There is one: what a resource of its own writes replaces the resource's own, such as a topic's by default.
        """
        name = f"policy of {resource.type.split(':')[-1]} {resource.name}"
        type_, key = POLICIES.get(resource.type, ("", ""))
        found = [read_policy(name, each.get("policy")) for each in self._attached(type_, key, resource)]
        if not found and (own := resource.given("policy")) is not None:
            found = [read_policy(name, own)]
        found += [*self._grants(resource), *self._permissions(resource)]
        if not found:
            return None
        gaps = [each.gap for each in found if each.gap]
        statements = tuple(statement for each in found for statement in each.statements)
        return replace(found[0], statements=statements, variables=any(p.variables for p in found), gap="; ".join(gaps))

    def _grants(self, key: Resource) -> Iterator[Policy]:
        """A grant allows operations to a principal, as a statement of the key's policy does.

        https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
        """
        for grant in self._attached(types.KMS_GRANT, "keyId", key) if key.type == types.KMS_KEY else ():
            actions = [each if isinstance(each, Unknown) else f"kms:{each}" for _, each in grant.inputs("operations")]
            who = {"AWS": grant.get("granteePrincipal")}
            yield _statement(f"grant {grant.name}", who, actions)

    def _permissions(self, function: Resource) -> Iterator[Policy]:
        """https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"""
        permissions = self._attached(types.LAMBDA_PERMISSION, "function", function)
        for each in permissions if function.type == types.FUNCTION else ():
            principal = each.get("principal")
            service = isinstance(principal, str) and principal.endswith(".amazonaws.com")
            conditions: dict[str, dict[str, Any]] = {}
            if (arn := each.given("sourceArn")) is not None:
                conditions["ArnLike"] = {"aws:SourceArn": arn}
            if (account := each.given("sourceAccount")) is not None:
                conditions["StringEquals"] = {"aws:SourceAccount": account}
            who = {"Service" if service else "AWS": principal}
            yield _statement(f"permission {each.name}", who, [each.get("action")], conditions)

    def _managed(self, holder: Resource, key: str, value: Any) -> Policy:
        candidates = self._policies(holder, key, value)
        if len(candidates) == 1:
            return read_policy(f"policy {candidates[0].name}", candidates[0].get("policy"))
        shown = value if isinstance(value, str) else f"{key} of {holder.name}"
        return Policy(str(shown), gap=f"the managed policy {shown} is not of this program")

    def _policies(self, holder: Resource, key: str, value: Any) -> Sequence[Resource]:
        reference = self._graph.reference(holder, key, [value], types.IAM_POLICY)
        return [each for each in (*reference.named, *reference.candidates) if isinstance(each, Resource)]

    def _attached(self, type_: str, key: str, to: Resource) -> Sequence[Resource]:
        return [each for each in self._graph.all(type_) if to in self._named(each, key, to.type)]

    def _named(self, resource: Resource, key: str, type_: str) -> list[Resource]:
        values = [value for _, value in resource.entries(key)]
        reference = self._graph.reference(resource, key, values, type_)
        return [each for each in (*reference.named, *reference.candidates) if isinstance(each, Resource)]


def _statement(name: str, who: Any, actions: Sequence[Any], conditions: Any = None) -> Policy:
    statement = {"Sid": name, "Effect": "Allow", "Principal": who, "Action": list(actions), "Resource": "*"}
    if conditions:
        statement["Condition"] = conditions
    return read_policy(name, {"Version": "2012-10-17", "Statement": [statement]})
