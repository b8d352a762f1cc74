"""The base of what is written in camelCase outside Python: the settings and the contract."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class CamelCaseModel(BaseModel):
    """A frozen model. Its fields have camelCase names in YAML and JSON, and their docstrings as descriptions."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, use_attribute_docstrings=True)
