"""What a program gives the engine beside a resource's own purpose: providers, ignoreChanges, and plain secrets."""

import re

from pulumi_policy import Severity

from policy.controls import fsbp, nist, pci
from policy.findings import Findings
from policy.given import Given, each_value
from policy.requirements import is_on
from policy.resources import Resource
from policy.rules import resource_rule
from private_inference.graph.values import Unknown, is_given, known

PROVIDER = "pulumi:providers:"
JUDGED_PROVIDERS = ("aws", "awsx", "docker-build", "random", "time")
LOOSE = ("insecure", "skipCredentialsValidation", "skipRequestingAccountId")
DETOURS = (
    "endpoints",
    "customCaBundle",
    "httpProxy",
    "httpsProxy",
    "ec2MetadataServiceEndpoint",
    "accessKey",
    "secretKey",
    "token",
)


@resource_rule(
    types=None,
    controls=[nist("SC-8(1)", "SC-23")],
    severity=Severity.CRITICAL,
    fix="leave the option out; give the deployer its credentials by its environment",
)
def no_loose_providers(provider: Resource) -> Findings:
    """Providers check certificates and accounts, and talk to AWS itself: else others deploy, or read, what is here."""
    if not provider.type.startswith(PROVIDER):
        return
    if provider.type.removeprefix(PROVIDER) not in JUDGED_PROVIDERS:
        yield provider.violation("is a provider whose resources no rule judges")
    for name in LOOSE:
        if provider.get(name) is not None and is_on(provider.get(name)):
            yield provider.violation(f"does not check what it talks to ({name})")
    for name in DETOURS:
        value = provider.get(name)
        if is_given(value) and (isinstance(value, Unknown) or str(value) not in ("[]", "{}")):
            yield provider.violation(f"goes by another way than AWS's own, or with keys of its own ({name})")


IGNORABLE = ("desiredCount", "desiredCapacity", "taskDefinition", "tags", "tagsAll", "engineVersion", "description")


@resource_rule(
    types=None,
    controls=[nist("CM-3", "CM-6")],
    severity=Severity.HIGH,
    fix="remove the property from ignoreChanges",
)
def judged_properties_are_not_ignored(resource: Resource) -> Findings:
    """Changes are ignored only of what no rule reads: else what was judged is not what stays there."""
    for path in resource.ignore_changes:
        if re.split(r"[.\[]", path)[0] not in IGNORABLE:
            yield resource.violation(f"ignores changes of {path}")


SECRET_NAME = re.compile(
    r"(?i)\w*(password|passwd|passphrase|authtoken|private_?key|secret_?(access_?)?key|client_?secret|shared_?(secret|key)|"
    r"api_?key|access_?token|secret|credentials?)$"
)
OF_A_PROGRAM = re.compile(r"(?i)variable|environment|parameter|default|argument|containerdef|propert|envs?$|tags")
"""Names of properties whose values a program reads: there, any name of a secret counts."""
PASSWORDS = re.compile(r"(?i)\w*(password|passwords|authtoken|privatekey|clientsecret|sharedsecret|presharedkey)$")
SECRET_VALUE = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[ps]_\w{36}|\bxox[bp]-")
SCRIPT = re.compile(r"(?i)user_?data|\w*commands?|\w*scripts?")
ASSIGNED = re.compile(
    r"(?i)\w*(password|passwd|secret|token|api_?key)\w*" r"""["']?\s*[=:]\s*["']?(?!\d+\b)[^\s"'$<{(/]{6,}"""
)
"""Texts that are run, and how a secret is written in one: what comes from elsewhere begins with a `$` or the like."""
REFERENCE = re.compile(r"(?i)arn:.*|\{\{resolve:.*|/?[\w.+=@-]+(/[\w.+=@-]+)+|true|false|\d+|ssm:.*|vault:.*")


@resource_rule(
    types=None,
    controls=[fsbp("ECS.8", "CodeBuild.2"), nist("IA-5(7)"), pci("8.2.1")],
    severity=Severity.HIGH,
    fix="keep it in Secrets Manager, let the service manage it, and pass the secret's ARN on",
)
def no_plain_secrets(resource: Resource) -> Findings:
    """No secret stands in environments, parameters or outputs, nor where a service could manage it by itself."""
    if resource.get("type") != "SecureString":
        yield from each_value(resource, _plain_secret)


def _plain_secret(given: Given) -> str | None:
    name = SECRET_NAME if OF_A_PROGRAM.search(given.path.rpartition(".")[0] or given.path) else PASSWORDS
    named = name.fullmatch(re.split(r"[/.:-]", given.name)[-1])
    text = str(known(given.value)) if named and not isinstance(given.value, bool) else given.text
    if not text or REFERENCE.fullmatch(text):
        return None
    if named or SECRET_VALUE.search(text) or (SCRIPT.fullmatch(given.name) and ASSIGNED.search(text)):
        return "holds a secret in plain text"
    return None
