"""A command that finds an embedded AWS, and no other, in its environment."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import StackConfig, settings_of

TYPED = "An embedded AWS is at {url}, for as long as this shell. Try: pulumi stack init local && pulumi up"


def run(config: StackConfig, command: Sequence[str]) -> int:
    """Run a command, or the user's shell, and answer its exit code.

    Both AWS and Pulumi's state are gone afterwards: what one knows of the other would be wrong. AWS's clients read
    AWS_ENDPOINT_URL: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html; Pulumi its backend from
    PULUMI_BACKEND_URL: https://www.pulumi.com/docs/iac/cli/environment-variables/.
    """
    with prepared_aws(settings_of(config)) as aws, tempfile.TemporaryDirectory(prefix="local-") as folder:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        state = {"PULUMI_BACKEND_URL": Path(folder).as_uri(), "PULUMI_CONFIG_PASSPHRASE": "local"}
        if not command:
            from private_inference.cli import views

            views.out.print(TYPED.format(url=aws.endpoint_url))
        asked = list(command) or [os.environ.get("SHELL", "/bin/sh")]
        return subprocess.run(asked, env={**inherited, **aws.environment(), **state}, check=False).returncode
