"""What a patch is: a function in the place of one of moto's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Patch:
    """`replacement(original, self, …)` in the place of `owner.attribute`, a function or a property."""

    owner: Any
    attribute: str
    replacement: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.replacement.__name__

    def apply(self) -> None:
        original = getattr(self.owner, self.attribute, None)
        if isinstance(original, property):
            getter = original.fget
            setattr(self.owner, self.attribute, property(lambda subject: self.replacement(getter, subject)))
            return

        def patched(*args: Any, **kwargs: Any) -> Any:
            return self.replacement(original, *args, **kwargs)

        setattr(self.owner, self.attribute, patched)


PATCHES: list[Patch] = []


def patch(owner: Any, attribute: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates the replacement for a function of moto."""

    def register(replacement: Callable[..., Any]) -> Callable[..., Any]:
        PATCHES.append(Patch(owner, attribute, replacement))
        return replacement

    return register
