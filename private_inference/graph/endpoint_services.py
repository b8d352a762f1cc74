"""The names of the services that VPC endpoints lead to.

https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
"""

RUNTIMES = ("sagemaker.runtime", "sagemaker.runtime-fips")
"""The services that SageMaker's models are called through."""

FRONT_DOOR = "execute-api"
"""The service that private APIs are called through."""


def short_service(name: str) -> str:
    """An AWS service as people call it: `s3` for `com.amazonaws.eu-west-1.s3`."""
    return name.split(".", 3)[-1] if name.startswith("com.amazonaws.") else name
