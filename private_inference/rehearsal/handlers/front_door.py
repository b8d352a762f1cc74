"""Handlers for Amazon API Gateway, AWS WAF, AWS Certificate Manager and Amazon Route 53."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler, call
from private_inference.rehearsal.inputs import Inputs, RefusedError

GATEWAY = "apigateway"
IN_API = {"restApi": "restApiId"}
METHOD_SETTINGS = {
    "metricsEnabled": "metrics/enabled",
    "loggingLevel": "logging/loglevel",
    "dataTraceEnabled": "logging/dataTrace",
    "throttlingBurstLimit": "throttling/burstLimit",
    "throttlingRateLimit": "throttling/rateLimit",
}
"""https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateStage.html"""
VALIDATED_WITHIN = 30
"""Seconds that an embedded ACM may take to see a record. The real one takes minutes."""


def rest_api(account: Account, inputs: Inputs) -> Created:
    made = call(account, GATEWAY, "create_rest_api", inputs)
    identity = made["id"]
    outputs = {
        "arn": f"arn:{account.partition}:{GATEWAY}:{account.region}::/restapis/{identity}",
        "executionArn": account.arn("execute-api", identity),
        "rootResourceId": made["rootResourceId"],
        "createdDate": made["createdDate"].isoformat(),
    }
    return Created(identity, outputs, {"apiKeySource": "HEADER", "disableExecuteApiEndpoint": False})


def rest_api_policy(account: Account, inputs: Inputs) -> Created:
    change = [{"op": "replace", "path": "/policy", "value": inputs["policy"]}]
    account.client(GATEWAY).update_rest_api(restApiId=inputs["restApiId"], patchOperations=change)
    return Created(inputs["restApiId"])


def authorizer(account: Account, inputs: Inputs) -> Created:
    made = call(account, GATEWAY, "create_authorizer", inputs, renamed=IN_API)
    place = f"arn:{account.partition}:{GATEWAY}:{account.region}::/restapis/{inputs['restApi']}"
    return Created(made["id"], {"arn": f"{place}/authorizers/{made['id']}"})


def integration(account: Account, inputs: Inputs) -> Created:
    """AWS calls the integration's own method otherwise than the resource's."""
    renamed = {**IN_API, "timeoutMilliseconds": "timeoutInMillis"}
    sent = call(account, GATEWAY, "put_integration", inputs, renamed=renamed)["request"]
    identity = f"agi-{sent['restApiId']}-{sent['resourceId']}-{sent['httpMethod']}"
    return Created(identity, {}, {"connectionType": "INTERNET", "timeoutMilliseconds": 29000})


def deployment(account: Account, inputs: Inputs) -> Created:
    made = call(account, GATEWAY, "create_deployment", inputs, renamed=IN_API)
    return Created(made["id"], {"createdDate": made["createdDate"].isoformat()})


def stage(account: Account, inputs: Inputs) -> Created:
    logs: Mapping[str, Any] = inputs.get("accessLogSettings", {})
    sent = call(account, GATEWAY, "create_stage", inputs, renamed={**IN_API, "deployment": "deploymentId"})["request"]
    api, name = sent["restApiId"], sent["stageName"]
    changes = [{"op": "replace", "path": f"/accessLogSettings/{key}", "value": value} for key, value in logs.items()]
    if changes:
        account.client(GATEWAY).update_stage(restApiId=api, stageName=name, patchOperations=changes)
    outputs = {
        "arn": f"arn:{account.partition}:{GATEWAY}:{account.region}::/restapis/{api}/stages/{name}",
        "executionArn": account.arn("execute-api", f"{api}/{name}"),
        "webAclArn": "",
        "invokeUrl": f"https://{api}.execute-api.{account.region}.{account.dns_suffix}/{name}",
    }
    return Created(f"ags-{api}-{name}", outputs)


def method_settings(account: Account, inputs: Inputs) -> Created:
    api, name, path = inputs["restApi"], inputs["stageName"], inputs["methodPath"]
    changes = [
        {"op": "replace", "path": f"/{path}/{METHOD_SETTINGS[key]}", "value": _text(value)}
        for key, value in inputs["settings"].items()
    ]
    account.client(GATEWAY).update_stage(restApiId=api, stageName=name, patchOperations=changes)
    return Created(f"{api}-{name}-{path}")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def domain_name(account: Account, inputs: Inputs) -> Created:
    made = call(account, GATEWAY, "create_domain_name", inputs)
    identity = f"{made['domainName']}/{made['domainNameId']}"
    of_public_ones = dict.fromkeys(
        ("cloudfrontDomainName", "cloudfrontZoneId", "regionalDomainName", "regionalZoneId"), ""
    )
    outputs = {"arn": made["domainNameArn"], "domainNameId": made["domainNameId"]}
    uploaded = made["certificateUploadDate"].isoformat()
    return Created(identity, {**of_public_ones, **outputs, "certificateUploadDate": uploaded})


def base_path_mapping(account: Account, inputs: Inputs) -> Created:
    renamed = {**IN_API, "stageName": "stage"}
    sent = call(account, GATEWAY, "create_base_path_mapping", inputs, renamed=renamed)["request"]
    return Created("/".join([sent["domainName"], sent.get("basePath", ""), sent.get("domainNameId", "")]))


def certificate(account: Account, inputs: Inputs) -> Created:
    client = account.client("acm")
    arn = call(account, "acm", "request_certificate", inputs)["CertificateArn"]
    found = client.describe_certificate(CertificateArn=arn)["Certificate"]
    proofs = [
        {
            "domainName": option["DomainName"],
            "resourceRecordName": option["ResourceRecord"]["Name"],
            "resourceRecordType": option["ResourceRecord"]["Type"],
            "resourceRecordValue": option["ResourceRecord"]["Value"],
        }
        for option in found.get("DomainValidationOptions", [])
        if "ResourceRecord" in option
    ]
    outputs = {
        "arn": arn,
        "status": found["Status"],
        "type": found["Type"],
        "domainValidationOptions": proofs,
        "notBefore": found["NotBefore"].isoformat(),
        "notAfter": found["NotAfter"].isoformat(),
        "renewalEligibility": found["RenewalEligibility"],
        "renewalSummaries": [],
        "pendingRenewal": False,
        "validationEmails": [],
    }
    return Created(arn, outputs, {"validationMethod": "NONE"})


def certificate_validation(account: Account, inputs: Inputs) -> Created:
    """Wait until the certificate is issued, as the provider does."""
    arn, until = inputs["certificateArn"], time.monotonic() + VALIDATED_WITHIN
    inputs.get("validationRecordFqdns")
    while (status := _status(account, arn)) != "ISSUED":
        if time.monotonic() > until:
            raise RefusedError(f"the certificate is {status}: ACM does not see the record that proves its name")
        time.sleep(0.2)
    return Created(f"validated-{uuid.uuid4()}")


def _status(account: Account, arn: str) -> str:
    found = account.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    return str(found["Status"])


def zone(account: Account, inputs: Inputs) -> Created:
    route53 = account.client("route53")
    vpcs = [
        {"VPCId": vpc["vpcId"], "VPCRegion": vpc.get("vpcRegion", account.region)} for vpc in inputs.get("vpcs", [])
    ]
    config = {"Comment": inputs.get("comment", "Managed by Pulumi"), "PrivateZone": bool(vpcs)}
    first = {"VPC": vpcs[0]} if vpcs else {}
    made = route53.create_hosted_zone(
        Name=inputs["name"], CallerReference=str(uuid.uuid4()), HostedZoneConfig=config, **first
    )
    identity = made["HostedZone"]["Id"].rpartition("/")[2]
    for vpc in vpcs[1:]:
        route53.associate_vpc_with_hosted_zone(HostedZoneId=identity, VPC=vpc)
    if tags := inputs.tags:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=identity, AddTags=pairs)
    servers = made.get("DelegationSet", {}).get("NameServers", [])
    outputs = {
        "arn": f"arn:{account.partition}:route53:::hostedzone/{identity}",
        "zoneId": identity,
        "nameServers": servers,
        "primaryNameServer": servers[0] if servers else "",
    }
    return Created(identity, outputs, {"comment": "Managed by Pulumi", "forceDestroy": False})


def zone_association(account: Account, inputs: Inputs) -> Created:
    identity, vpc = inputs["zoneId"], inputs["vpcId"]
    place = {"VPCId": vpc, "VPCRegion": inputs.get("vpcRegion", account.region)}
    account.client("route53").associate_vpc_with_hosted_zone(HostedZoneId=identity, VPC=place)
    return Created(f"{identity}:{vpc}", {"owningAccount": account.id}, {"vpcRegion": account.region})


def record(account: Account, inputs: Inputs) -> Created:
    return change_record(account, inputs, "CREATE")


def change_record(account: Account, inputs: Inputs, action: str) -> Created:
    """`action` is Route 53's: CREATE, or UPSERT for a record that may be there."""
    identity, name, kind = inputs["zoneId"], inputs["name"].rstrip("."), inputs["type"]
    record_set: dict[str, Any] = {"Name": name, "Type": kind}
    if "aliases" in inputs:
        (alias,) = inputs["aliases"]
        target = {"DNSName": alias["name"], "HostedZoneId": alias["zoneId"]}
        record_set["AliasTarget"] = target | {"EvaluateTargetHealth": alias["evaluateTargetHealth"]}
    else:
        record_set |= {"TTL": inputs["ttl"], "ResourceRecords": [{"Value": value} for value in inputs["records"]]}
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record_set}]}
    account.client("route53").change_resource_record_sets(HostedZoneId=identity, ChangeBatch=batch)
    return Created(f"{identity}_{name}_{kind}", {"fqdn": name})


def _in_method(prefix: str, operation: str) -> Handler:
    """A part of a method: ids are made of where it is."""
    place = "request.restApiId, request.resourceId, request.httpMethod"
    status = ", request.statusCode" if operation.endswith("response") else ""
    return Handler(
        Call(GATEWAY, operation, id=f"join('-', ['{prefix}', {place}{status}])", renamed=IN_API), taggable=False
    )


HANDLERS = {
    "aws:apigateway/restApi:RestApi": Handler(
        rest_api, auto_name="name", ignored=("failOnWarnings", "parameters", "putRestApiMode")
    ),
    "aws:apigateway/restApiPolicy:RestApiPolicy": Handler(rest_api_policy, taggable=False),
    "aws:apigateway/resource:Resource": Handler(
        Call(GATEWAY, "create_resource", id="id", outputs={"path": "path"}, renamed=IN_API), taggable=False
    ),
    "aws:apigateway/authorizer:Authorizer": Handler(authorizer, auto_name="name", taggable=False),
    "aws:apigateway/method:Method": Handler(
        Call(
            GATEWAY,
            "put_method",
            id="join('-', ['agm', request.restApiId, request.resourceId, request.httpMethod])",
            renamed={**IN_API, "authorization": "authorizationType", "authorizer": "authorizerId"},
            defaults={"apiKeyRequired": False},
        ),
        taggable=False,
    ),
    "aws:apigateway/integration:Integration": Handler(integration, taggable=False),
    "aws:apigateway/methodResponse:MethodResponse": _in_method("agmr", "put_method_response"),
    "aws:apigateway/integrationResponse:IntegrationResponse": _in_method("agir", "put_integration_response"),
    "aws:apigateway/deployment:Deployment": Handler(deployment, taggable=False, ignored=("triggers",)),
    "aws:apigateway/stage:Stage": Handler(stage),
    "aws:apigateway/methodSettings:MethodSettings": Handler(method_settings, taggable=False),
    "aws:apigateway/domainName:DomainName": Handler(domain_name),
    "aws:apigateway/basePathMapping:BasePathMapping": Handler(base_path_mapping, taggable=False),
    "aws:apigateway/domainNameAccessAssociation:DomainNameAccessAssociation": Handler(
        Call(
            GATEWAY,
            "create_domain_name_access_association",
            id="domainNameAccessAssociationArn",
            outputs={"arn": "domainNameAccessAssociationArn"},
        )
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Handler(
        Call("wafv2", "associate_web_acl", id="join(',', [request.WebACLArn, request.ResourceArn])"), taggable=False
    ),
    "aws:acm/certificate:Certificate": Handler(certificate),
    "aws:acm/certificateValidation:CertificateValidation": Handler(certificate_validation, taggable=False),
    "aws:route53/zone:Zone": Handler(zone, ignored=("forceDestroy",)),
    "aws:route53/zoneAssociation:ZoneAssociation": Handler(zone_association, taggable=False),
    "aws:route53/record:Record": Handler(record, taggable=False),
}
