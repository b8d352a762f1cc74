"""What Checkov objects to and this stack does on purpose: by check, the resources (a pattern) and the reason."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Accepted:
    """Findings of one check that are no fault here."""

    resources: str
    reason: str


ACCEPTED: Mapping[str, Accepted] = {
    "CKV_AWS_370": Accepted(
        r"(aws_sagemaker_model|resource)\.triage_features",
        "The staging stack's example of a model that needs the network, for a reason in its settings; the policy pack "
        "has an exception for it that expires.",
    ),
    "CKV_AWS_394": Accepted(
        r"data\.aws_availability_zones\..*|data\.available",
        "The zones are written out in the subnets, and a postcondition stops the plan when the account's differ.",
    ),
    "CKV_AWS_352": Accepted(
        r"(aws_network_acl_rule|resource)\.\w+_ingress_\d+",
        "These are the deny rules of the deny list: they deny all ports. The check does not read the action.",
    ),
    "CKV2_AWS_62": Accepted(
        r"aws_s3_bucket\.(artifacts|calls|\w+_requests|\w+_captured)",
        "Nothing reacts to new artifacts: the program that uploads one also makes the model that loads it. Of "
        "answers SageMaker's topics tell, and of the calls in a trail's files EventBridge does, before they are "
        "delivered.",
    ),
    "CKV2_AWS_34": Accepted(
        r"aws_ssm_parameter\..*",
        "A contract holds names and ids that callers are meant to read, and no secret.",
    ),
    "CKV_AWS_337": Accepted(
        r"aws_ssm_parameter\..*",
        "A contract holds names and ids that callers are meant to read, and no secret.",
    ),
    "CKV_AWS_18": Accepted(
        r"aws_s3_bucket\.(artifacts|calls|\w+_requests|\w+_captured)",
        "Access logs are an option, artifacts.accessLogBucket: their bucket can't be under a customer key.",
    ),
    "CKV2_AWS_5": Accepted(
        r"aws_security_group\.(client|model)",
        "The client group is for callers outside this configuration; the model's is named by the SageMaker model, "
        "which the check does not know.",
    ),
    "CKV_AWS_144": Accepted(
        r"aws_s3_bucket\.(artifacts|calls|\w+_requests|\w+_captured)",
        "A copy of the models, of requests, or of the log, in another region is not part of a stack whose data stays "
        "in its region.",
    ),
    "CKV_AWS_67": Accepted(
        r"(aws_cloudtrail|resource)\.calls",
        "The trail logs calls of this stack's endpoints, which are in one region. The account's own trail is not its.",
    ),
    "CKV_AWS_252": Accepted(
        r"(aws_cloudtrail|resource)\.calls",
        "The topic would be told of each file that is delivered. A rule tells the operators of the calls that matter.",
    ),
    "CKV2_AWS_10": Accepted(
        r"aws_cloudtrail\.calls",
        "That is what a metric filter would need, with a role that is not bounded to this trail; EventBridge does "
        "without.",
    ),
    "CKV2_AWS_51": Accepted(
        r"(aws_api_gateway_stage|resource)\.front_door",
        "A client certificate is for a back end that has to know the API. SageMaker Runtime knows the role that signs.",
    ),
    "CKV2_AWS_53": Accepted(
        r"(aws_api_gateway_method|resource)\.front_door",
        "What a model takes is the model's to say: the body goes to it as it came.",
    ),
    "CKV_AWS_73": Accepted(
        r"(aws_api_gateway_stage|resource)\.front_door",
        "The access log, under the logs key, tells of each call; a trace would tell it again in another place.",
    ),
    "CKV_AWS_120": Accepted(
        r"(aws_api_gateway_stage|resource)\.front_door",
        "What a model answered to one caller is nobody else's.",
    ),
    "CKV_AWS_225": Accepted(
        r"(aws_api_gateway_method_settings|resource)\.front_door",
        "What a model answered to one caller is nobody else's.",
    ),
    "CKV2_AWS_4": Accepted(
        r"(aws_api_gateway_stage|resource)\.front_door",
        "Execution logs hold requests and answers; what the model sees is not to be written down.",
    ),
    "CKV2_AWS_77": Accepted(
        r"(aws_api_gateway_stage|resource)\.front_door",
        "The web ACL is somebody else's, and so are its rules: an export shows its ARN alone.",
    ),
    "CKV_AWS_237": Accepted(
        r"(aws_api_gateway_rest_api|resource)\.front_door",
        "No change of what the program sets replaces the API.",
    ),
    "CKV_AWS_124": Accepted(
        r"(aws_cloudformation_stack|resource)\.\w+",
        "Whoever applies the configuration waits for each stack, and is told how it ended; nobody else changes them.",
    ),
    "CKV_AWS_91": Accepted(
        r"(aws_lb|resource)\.front_door",
        "S3 takes a load balancer's access logs under its own keys only; the forwarder logs calls under the stack's.",
    ),
    "CKV_AWS_150": Accepted(
        r"(aws_lb|resource)\.front_door",
        "The example's stack comes and goes: it has no protection of data (unprotectedBecause), which sets this, too.",
    ),
}
