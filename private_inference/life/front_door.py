"""How the front door's types are updated in place: Amazon API Gateway, AWS Certificate Manager and Amazon Route 53."""

from collections.abc import Mapping
from typing import Any

from private_inference.life.differences import State, Update, differs, retag
from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handlers.front_door import change_record
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.requests import pairs


def _patch(operation: str, where: Mapping[str, str], patched: Mapping[str, str]) -> Update:
    """An update by patch operations, of `patched`: property → path. Tags are set apart.

    https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html
    """

    def update(account: Account, state: State, inputs: Inputs) -> None:
        client = account.client("apigateway")
        changes = [
            {"op": "replace", "path": path, "value": str(inputs[key])}
            for key, path in patched.items()
            if key in inputs and differs(state, inputs, key)
        ]
        if changes:
            place = {parameter: state[key] for parameter, key in where.items()}
            getattr(client, operation)(**place, patchOperations=changes)
        if "arn" in state:
            retag_api(account, state, inputs)
        inputs.rest()

    return update


def retag_api(account: Account, state: State, inputs: Inputs) -> None:
    client = account.client("apigateway")
    where = {"resourceArn": state["arn"]}
    retag(state, inputs, where, client.tag_resource, client.untag_resource, dict, ("tags", "tagKeys"))
    inputs.rest()


def stage(account: Account, state: State, inputs: Inputs) -> None:
    logs = inputs.get("accessLogSettings") or {}
    before = state.get("accessLogSettings") or {}
    changed = {f"/accessLogSettings/{key}": value for key, value in logs.items() if before.get(key) != value}
    if inputs["deployment"] != state["deployment"]:
        changed["/deploymentId"] = inputs["deployment"]
    changes = [{"op": "replace", "path": path, "value": value} for path, value in changed.items()]
    if changes:
        place = {"restApiId": state["restApi"], "stageName": state["stageName"]}
        account.client("apigateway").update_stage(**place, patchOperations=changes)
    retag_api(account, state, inputs)


def certificate(account: Account, state: State, inputs: Inputs) -> None:
    acm = account.client("acm")

    def remove(CertificateArn: str, Tags: list[str]) -> None:  # noqa: N803 - ACM takes whole tags
        acm.remove_tags_from_certificate(CertificateArn=CertificateArn, Tags=[{"Key": key} for key in Tags])

    where = {"CertificateArn": state["arn"]}
    retag(state, inputs, where, acm.add_tags_to_certificate, remove, pairs, ("Tags", "Tags"))
    inputs.rest()


def zone(account: Account, state: State, inputs: Inputs) -> None:
    route53, where = account.client("route53"), {"ResourceType": "hostedzone", "ResourceId": state["id"]}

    def remove(RemoveTagKeys: list[str], **zone: Any) -> None:  # noqa: N803 - one call for both
        route53.change_tags_for_resource(**zone, RemoveTagKeys=RemoveTagKeys)

    retag(state, inputs, where, route53.change_tags_for_resource, remove, pairs, ("AddTags", "RemoveTagKeys"))
    if differs(state, inputs, "comment"):
        route53.update_hosted_zone_comment(Id=state["id"], Comment=inputs["comment"])
    inputs.rest()


def record(account: Account, _state: State, inputs: Inputs) -> None:
    change_record(account, inputs, "UPSERT")


METHOD = {"restApiId": "restApi", "resourceId": "resourceId", "httpMethod": "httpMethod"}

UPDATES: Mapping[str, Update] = {
    "aws:acm/certificate:Certificate": certificate,
    "aws:apigateway/authorizer:Authorizer": _patch(
        "update_authorizer",
        {"restApiId": "restApi", "authorizerId": "id"},
        {
            "authorizerUri": "/authorizerUri",
            "authorizerCredentials": "/authorizerCredentials",
            "identitySource": "/identitySource",
        },
    ),
    "aws:apigateway/basePathMapping:BasePathMapping": _patch(
        "update_base_path_mapping",
        {"domainName": "domainName", "domainNameId": "domainNameId", "basePath": "basePath"},
        {"stageName": "/stage", "restApi": "/restapiId"},
    ),
    "aws:apigateway/domainName:DomainName": _patch(
        "update_domain_name",
        {"domainName": "domainName", "domainNameId": "domainNameId"},
        {"certificateArn": "/certificateArn", "securityPolicy": "/securityPolicy", "policy": "/policy"},
    ),
    "aws:apigateway/domainNameAccessAssociation:DomainNameAccessAssociation": retag_api,
    "aws:apigateway/integration:Integration": _patch(
        "update_integration", METHOD, {"timeoutMilliseconds": "/timeoutInMillis", "uri": "/uri"}
    ),
    "aws:apigateway/method:Method": _patch(
        "update_method", METHOD, {"authorization": "/authorizationType", "authorizer": "/authorizerId"}
    ),
    "aws:apigateway/restApi:RestApi": _patch(
        "update_rest_api", {"restApiId": "id"}, {"name": "/name", "description": "/description"}
    ),
    "aws:apigateway/stage:Stage": stage,
    "aws:route53/record:Record": record,
    "aws:route53/zone:Zone": zone,
}
