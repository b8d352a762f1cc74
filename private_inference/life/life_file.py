"""The file of a life: a first stack file, then what happens to the stack, step by step."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from private_inference.life.errors import LifeError
from private_inference.rehearsal.operations import ALARM, HEALTH_CHECK, IMAGE, INTERFACES

FAILURES: Mapping[str, str] = {
    "image can't be pulled": IMAGE,
    "alarm fires": ALARM,
    "health check": HEALTH_CHECK,
    "network interfaces": INTERFACES,
    "no reason": "",
}
"""What SageMaker says of each; of the last it says nothing, as users have seen."""


class Step(BaseModel):
    """One thing that happens. Exactly one of the fields is given, and with `update` and `destroy` also `fails`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    update: str | dict[str, Any] | None = None
    """A stack file beside the life's, or changes of the settings by dotted path, such as `endpoints.0.instanceType`."""
    refresh: bool = False
    """With `update`: the engine reads AWS first, as `pulumi up --refresh` does."""
    changes_nothing: Annotated[bool, Field(alias="changes nothing")] = False
    """With `update`: no AWS call may change anything."""
    fails: str | None = None
    """With `update`, `new model`, `destroy`: it has to fail, with an error that this regular expression matches."""
    new_model: Annotated[bool, Field(alias="new model")] = False
    """The models are trained anew: every local archive has other bytes, and is deployed."""
    scale: Annotated[int, Field(ge=1)] | dict[str, Annotated[int, Field(ge=1)]] | None = None
    """Automatic scaling asks for so many instances of each variant, or of those that are named."""
    copies: dict[str, Annotated[int, Field(ge=0)]] | None = None
    """Automatic scaling asks for so many copies of inference components, by their names in the account."""
    weights: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """An operator gives variants of every endpoint other weights, beside the settings."""
    fail: Literal["image can't be pulled", "alarm fires", "health check", "network interfaces", "no reason"] | None = (
        None
    )
    """Why the next creation or update of every endpoint fails; an update is rolled back."""
    foreign_endpoint: Annotated[str | None, Field(alias="foreign endpoint")] = None
    """Name of an endpoint that another stack of the account gets."""
    calls: Annotated[int | None, Field(ge=1)] = None
    """A client calls every endpoint so often, each time with a row of the example model's."""
    captured: dict[str, Annotated[int, Field(ge=0)]] | None = None
    """So many captured calls of endpoints, by their names, have to be in S3, also when an endpoint has gone."""
    idle: Annotated[str | None, Field(pattern=r"^[1-9]\d*h$")] = None
    """Nobody calls for so many hours, such as `24h`, and automatic scaling acts on it."""
    heal: bool = False
    """An instance of every variant is replaced."""
    zone_lost: Annotated[str | None, Field(alias="zone lost")] = None
    """An availability zone that fails."""
    gateway_lost: Annotated[str | None, Field(alias="gateway lost")] = None
    """Id of a virtual private gateway that is deleted."""
    repository_deleted: Annotated[str | None, Field(alias="repository deleted")] = None
    """Name of a repository of images that its owner deletes."""
    scans_find: Annotated[dict[str, str] | None, Field(alias="scans find")] = None
    """Severities by ids: what scans of the images in the stack's registry find from now on."""
    prefix_list_grows: Annotated[str | None, Field(alias="prefix list grows")] = None
    """A block that S3's prefix list gets."""
    attach_invoke_policy: Annotated[str | None, Field(alias="attach invoke policy")] = None
    """Name of a role of an application team that gets every invoke policy."""
    detach_invoke_policy: Annotated[str | None, Field(alias="detach invoke policy")] = None
    """Name of a role that loses them again."""
    destroy: bool = False

    @model_validator(mode="before")
    @classmethod
    def _bare_word(cls, given: Any) -> Any:
        """`heal`, `new model` and `destroy` may stand alone."""
        return {given: True} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one(self) -> "Step":
        given = [name for name in _KINDS if getattr(self, name) not in (None, False)]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(name.replace('_', ' ') for name in _KINDS)}")
        if self.fails is not None and not (self.update is not None or self.new_model or self.destroy):
            raise ValueError("`fails` goes with update, new model or destroy")
        if self.changes_nothing and self.update is None:
            raise ValueError("`changes nothing` goes with update")
        return self

    @property
    def title(self) -> str:
        """The step in words."""
        (kind,) = [name for name in _KINDS if getattr(self, name) not in (None, False)]
        value = getattr(self, kind)
        if isinstance(value, dict):
            value = ", ".join(f"{key} = {_short(entry)}" for key, entry in value.items())
        words = kind.replace("_", " ") + ("" if value is True else f": {value}")
        return words + (" (fails)" if self.fails is not None else "")


_KINDS = (
    "update",
    "new_model",
    "scale",
    "copies",
    "weights",
    "calls",
    "captured",
    "idle",
    "fail",
    "heal",
    "zone_lost",
    "gateway_lost",
    "repository_deleted",
    "scans_find",
    "prefix_list_grows",
    "foreign_endpoint",
    "attach_invoke_policy",
    "detach_invoke_policy",
    "destroy",
)


class Life(BaseModel):
    """A whole life."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    """What the life shows."""
    stack: str
    """The stack whose file is deployed first, such as `dev`."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of that file, by dotted path."""
    before: Sequence[Step] = ()
    """What happens in the account before the first deployment."""
    fails: str | None = None
    """The first deployment has to fail, with an error that this regular expression matches."""
    steps: Sequence[Step] = ()


def read_life(path: Path) -> Life:
    """Raises LifeError for a file that is missing or isn't a life, with every problem in it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Life.model_validate(content)
    except FileNotFoundError:
        raise LifeError(f"{path}: there is no such file. Ready lives are in examples/lives/.") from None
    except yaml.YAMLError as error:
        raise LifeError(f"{path} is not valid YAML: {error}") from None
    except ValidationError as error:
        problems = [
            f"  {'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        ]
        raise LifeError("\n".join([f"{path} is not a life:", *problems])) from None


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by group, with changes by dotted path; null removes. Raises LifeError for a path that leads nowhere."""
    result: dict[str, Any] = _copy(values)
    for path, value in changes.items():
        *parents, last = [int(part) if re.fullmatch(r"\d+", part) else part for part in path.split(".")]
        place: Any = result
        for part in parents:
            try:
                place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
            except (IndexError, TypeError):
                raise LifeError(f"{path!r} leads nowhere: there is no {part!r}.") from None
        if value is None and isinstance(place, dict):
            place.pop(last, None)
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        elif isinstance(place, list) and value is None:
            del place[int(last)]
        else:
            place[last] = value
    return result


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(entry) for key, entry in value.items()}
    return [_copy(entry) for entry in value] if isinstance(value, list) else value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 40 else text[:37] + "…"
