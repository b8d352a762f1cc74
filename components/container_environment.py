"""What SageMaker takes as the environment of a container."""

import re
from collections.abc import Iterator, Mapping

from components import service_model


def refused(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables that CreateModel would refuse by name or length, each with what is wrong and the fix.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html (Environment)
    """
    names, values = service_model.text("EnvironmentKey"), service_model.text("EnvironmentValue")
    for name, value in environment.items():
        if not re.fullmatch(names.pattern, name):
            yield name, "has a name that SageMaker refuses: use letters, digits and _, and begin with no digit"
        if len(name) > names.longest:
            yield name, f"has a name of {len(name)} characters; at most {names.longest} are allowed. Shorten it"
        if len(value) > values.longest:
            yield name, f"has {len(value)} characters; at most {values.longest} are allowed. Put it into the artifact"


def most() -> int:
    """How many variables a container may have."""
    return service_model.largest("EnvironmentMap")
