"""AWS services with an interface endpoint, and which of them a free gateway also serves."""

from components.flows import Gateway

RUNTIME = "sagemaker.runtime"
"""The service that clients of a model call."""

FRONT_DOOR = "execute-api"
"""The service that private APIs are called through."""

GATEWAY_ALTERNATIVES = {"s3": Gateway.S3, "dynamodb": Gateway.DYNAMODB}
"""Interface endpoints whose work a gateway endpoint does for free inside the VPC.

https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
"""

WITHOUT_PRIVATE_DNS = frozenset({"dynamodb"})
"""Services whose interface endpoint takes no private DNS: clients call them by the endpoint's own DNS names.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-interface-endpoints.html (considerations)
"""


def runtime_service(fips: bool) -> str:
    """The endpoint service of the SageMaker runtime.

    https://docs.aws.amazon.com/sagemaker/latest/dg/interface-vpc-endpoint.html
    """
    return f"{RUNTIME}-fips" if fips else RUNTIME
