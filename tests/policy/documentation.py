"""Writes docs/policies.md: every rule with its controls, options and the mutants that show that it works.

`make docs` runs it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from pulumi_policy import Policy, StackValidationPolicy

from policy.pack import MODULES, rules_of
from tests.policy.mutants import MUTANTS

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"

INTRODUCTION = """<!-- Written by `make docs`. Change the code instead. -->

# Policies

The pack in `policy/` is asked by `private-inference check` and `rehearse`, and by the Pulumi CLI
(`pulumi preview --policy-pack policy`, `pulumi up --policy-pack policy`): each resource before it is created, all of
them at the end. A *mandatory* rule stops the deployment, an *advisory* one is shown.

**What is not known yet.** Before deployment, ids, ARNs and whatever contains them are unknown. A rule then decides from
what is known: that a property is there, and which resources it was computed from. Where that does not do, it says
`cannot be verified before deployment: PROPERTY` as a finding of its own; it never passes what it could not read. During
`pulumi up` every value is known before the resource that has it is created.

**Exceptions** are for one resource and one rule, with a reason and a last day. They are part of the configuration that
`--policy-pack-config` (Pulumi CLI) and `Policy.STACK.json` (`private-inference check` and `rehearse`) give:

```json
{
  "models-are-isolated": {
    "exceptions": [
      {
        "resource": "aws:sagemaker/model:Model::triage-features",
        "reason": "the container writes its own metrics through the logs endpoint",
        "expires": "2027-06-30"
      }
    ]
  }
}
```

`exceptions-in-force` lists each of them with every run. When the last day has passed, the rule is enforced again, and
the exception itself is a violation. The same file sets a rule's `enforcementLevel` and its options.

**Controls.** A rule's first control is its framework in Pulumi, the others are its tags; ids are the publishers' own.
Rules without a tool's id answer to no published check: they look at several resources at once.

**In CI** (`.github/workflows/`), a pull request runs `.ci/run`, `make check` for each stack, and, with read-only
credentials taken by OIDC, `pulumi preview --policy-pack policy`; the reports are in the job summaries. What is on main
is deployed with `pulumi up` under the same pack, stack after stack; prod waits for approval. `make check STACK=prod`
gives the pack's verdict locally, in seconds.

**Other tools** report, of this stack, what is right here: Checkov's CKV_AWS_231 takes a network ACL's answers to client
ports for remote desktop; CKV_AWS_98 asks for a volume key that some instance types with local storage can't have;
cdk-nag's VPC3 flags any network ACL; Prowler's vpc_subnet_separate_private_public misses the public subnets that this
VPC has none of. Record these in the tool, with the reason.
"""

TITLES = {
    "network": "Network",
    "security_groups": "Security groups",
    "network_acls": "Network ACLs",
    "packet_paths": "Paths",
    "access": "Private access",
    "encryption": "Encryption",
    "storage": "Storage",
    "identity": "Identity",
    "inference": "Inference",
    "exposure": "Exposure",
}


def page() -> str:
    """The whole page."""
    return INTRODUCTION + "".join(_module(module) for module in MODULES) + "\n".join(_mutants()) + "\n"


def _module(module: ModuleType) -> str:
    title = TITLES[module.__name__.rpartition(".")[2]]
    lines = [
        "",
        f"## {title}",
        "",
        "| Rule | Level | What and why | Controls | Mutants |",
        "|---|---|---|---|---|",
        *(_row(rule) for rule in rules_of(module)),
    ]
    return "\n".join(lines) + "\n"


def _row(rule: Policy) -> str:
    assert rule.enforcement_level
    assert rule.severity
    assert rule.config_schema
    of_stack = ", whole stack" if isinstance(rule, StackValidationPolicy) else ""
    framework = [f"{rule.framework.name} {rule.framework.reference}"] if rule.framework else []
    options = [
        f"`{name}` (`{json.dumps(option['default'])}`): {option['description']}"
        for name, option in rule.config_schema.properties.items()
        if name != "exceptions"
    ]
    told = " ".join([rule.description, *(["*Options:*", *options] if options else [])])
    controls = "<br>".join([*framework, *(rule.tags or [])])
    count = sum(mutant.rule == rule.name for mutant in MUTANTS)
    level = f"{rule.enforcement_level.value}, {rule.severity.value}{of_stack}"
    return f"| `{rule.name}` | {level} | {told} | {controls} | {count} |"


def _mutants() -> Iterator[str]:
    yield ""
    yield f"## The {len(MUTANTS)} mutants"
    yield ""
    yield "Each is the compliant stack with one thing broken. The tests make it of the stack as deployed (rehearsed, so"
    yield "that all values are known) and as previewed, and once more with the broken property unknown: the rule beside"
    yield "it must say so, and name the resource."
    yield ""
    yield "| Rule | Mutant |"
    yield "|---|---|"
    for mutant in MUTANTS:
        yield f"| `{mutant.rule}` | {mutant.title.replace('|', '/')} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
