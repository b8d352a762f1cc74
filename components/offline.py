"""Containers that load language models: what keeps them from asking the internet, and what would make them.

No packet leaves the VPC whatever a container tries; without these it would wait for time-outs, and fail at its start.
Sources: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables,
https://docs.vllm.ai/en/latest/usage/usage_stats.html (DO_NOT_TRACK, too), and
https://github.com/aws/deep-learning-containers (OPT_OUT_TRACKING, of AWS's images' own telemetry).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

OFFLINE: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "OPT_OUT_TRACKING": "true",
}
"""Variables with which hub and telemetry are left alone."""

MODELS = ("HF_MODEL_ID", "OPTION_MODEL_ID", "OPTION_SPECULATIVE_DRAFT_MODEL", "SM_VLLM_MODEL", "SM_SGLANG_MODEL_PATH")
"""Variables that name a model: a path, or the id of one that the container would fetch from a hub.

https://docs.djl.ai/master/docs/serving/serving/docs/lmi/deployment_guide/configurations.html,
https://aws.github.io/deep-learning-containers/
"""

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_API_TOKEN")

INSTALLS = ("SAGEMAKER_REQUIREMENTS", "TS_INSTALL_PY_DEP_PER_MODEL")
"""Variables with which a container runs `pip install` at its start."""

REQUIREMENTS = ("requirements.txt", "code/requirements.txt")
"""Files of a model that AWS's containers install at their start."""

_SERVED_AT = "/opt/ml/model"
_NO_HUB = f"and no hub can be reached: put its files into the artifact, and write {_SERVED_AT}"
_NO_INDEX = "and no package index can be reached: build an image that has the packages, such as examples/serving, and"


def refused(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables with which a container would ask the internet: the name, and what is wrong, continuing it."""
    for name, value in environment.items():
        if name in OFFLINE and value != OFFLINE[name]:
            yield (
                name,
                f"would have the container ask the internet, which it can't reach; remove it for {OFFLINE[name]}",
            )
        elif name in MODELS and not value.startswith("/"):
            yield name, f"is no path in the container, {_NO_HUB}"
        elif name in TOKENS:
            yield (
                name,
                "is for a hub, which can't be reached, and a secret, which everybody in the console sees; remove it",
            )
        elif name in INSTALLS and value.lower() not in ("", "0", "false"):
            yield name, f"has packages installed at the start, {_NO_INDEX} remove it"


def refused_files(directory: Path) -> Iterator[str]:
    """What is wrong with the files of a model on disk, continuing its path."""
    for name in REQUIREMENTS:
        if (directory / name).is_file():
            yield f"has {name}, which containers install at their start, {_NO_INDEX} remove the file"
    properties = directory / "serving.properties"
    lines = properties.read_text(encoding="utf-8").splitlines() if properties.is_file() else []
    for key, _, value in (line.partition("=") for line in lines):
        if key.strip() == "option.model_id" and not value.strip().startswith("/"):
            yield f"has serving.properties with option.model_id={value.strip()}, which is no path, {_NO_HUB}"
