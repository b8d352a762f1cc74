"""What is wrong with the environment variables that a stack sets for a container."""

from collections.abc import Iterator, Mapping
from itertools import chain

from components import container_environment, offline
from components.settings.problems import Problem


def problems(asked: Mapping[str, str], count: int) -> Iterator[Problem]:
    """With keys relative to the container; `asked` are those that are set, of `count` that it gets."""
    for name, message in chain(container_environment.refused(asked), offline.refused(asked)):
        yield Problem(f"environment.{name}", asked[name], message)
    most = container_environment.most()
    if count > most:
        yield Problem("environment", count, f"variables are more than the {most} that SageMaker takes; remove some")
