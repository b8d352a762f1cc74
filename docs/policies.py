"""The page on the policy pack: every rule with its level, controls and options, as the running pack describes it."""

import json

from private_inference.runner.policy_findings import Rule
from private_inference.runner.policy_pack import PACK, PolicyPack
from private_inference.runner.sdk import plain

INTRODUCTION = """# Policies

The pack in `policy/` is asked by `private-inference check` and `rehearse`, and by the Pulumi CLI
(`pulumi preview --policy-pack policy`, `pulumi up --policy-pack policy`): each resource before it is created, all of
them at the end. A *mandatory* rule stops the deployment, an *advisory* one is shown.

**What is not known yet.** Before deployment, ids, ARNs and whatever contains them are unknown. A rule then decides from
what is known: that a property is there, and which resources it was computed from. Where that does not do, it says
`cannot be verified before deployment: PROPERTY` as a finding of its own; it never passes what it could not read. During
`pulumi up` every value is known before the resource that has it is created.

**Nothing passes because nobody thought of it.** `resources-are-judged` refuses every type that no rule judges, and
whatever hides other resources: other providers, commands, components that aren't seen before deployment. What a
CloudFormation stack (`templateBody`) or a Cloud Control resource (`desiredState`) holds is read as the provider's own
types, and judged and proved like them, by the name STACK.LOGICALID; what of it can't be read is refused by name.
The general rules read all types by the names of the provider's schema (`private_inference/graph/schema.json`, written
by `python -m private_inference.runner.refresh_policy_schema`): places for keys, switches that open something,
destinations, secrets. What names alone don't tell, and which types are judged, stands with its reason in
`policy/corrections.json`.

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

`exceptions-in-force` lists each of them with every run; none lasts longer than two years. When the last day has passed,
the rule is enforced again, and the exception itself is a violation.

**A configuration does not weaken the pack.** The same file may raise a rule's `enforcementLevel`, and set its options:
they tighten it, or name what is yours, without wildcards, and are listed with every run. The pack refuses a
configuration that lowers a level or switches a rule off (`"all": "advisory"`, too), and the engine stops: a rule does
not know its own level, and one that watched over the others could be lowered with them. One rule may be advisory where
things are tried out, as in dev (`Policy.dev.json`), and each run says so: `resources-are-judged`.

**Controls.** A rule's first control is its framework in Pulumi, the others are its tags; ids are the publishers' own.
Rules without a tool's id answer to no published check: they look at several resources at once.

**In CI** (`.github/workflows/`), a pull request runs `make test`, `make check` for each stack, and, with read-only
credentials taken by OIDC, `pulumi preview --policy-pack policy`; the reports are in the job summaries. What is on main
is deployed with `pulumi up` under the same pack, stack after stack; prod waits for approval. `make check STACK=prod`
gives the pack's verdict locally, in seconds.

**Other tools** report, of this stack, what is right here: Checkov's CKV_AWS_231 takes a network ACL's answers to client
ports for remote desktop; CKV_AWS_98 asks for a volume key that some instance types with local storage can't have;
cdk-nag's VPC3 flags any network ACL; Prowler's vpc_subnet_separate_private_public misses the public subnets that this
VPC has none of. Record these in the tool, with the reason.

## Rules

`tests/policy/mutants.py` has for each rule the compliant stack with one thing broken, which the rule must report, also
when what is broken is not known yet.

| Rule | Level | What and why | Controls |
|---|---|---|---|
"""


def policies_page() -> str:
    """Every rule of the pack, in the pack's order."""
    with PolicyPack(PACK) as pack:
        return INTRODUCTION + "".join(f"{_row(rule)}\n" for rule in pack.rules.values())


def _row(rule: Rule) -> str:
    level = f"{rule.level}, {rule.severity}" if rule.severity else rule.level
    options = [
        f"`{name}` (`{json.dumps(plain(option['default']))}`): {option['description']}"
        for name, option in rule.options.items()
    ]
    what = " ".join([rule.description, *(["*Options:*", *options] if options else [])])
    return (
        f"| `{rule.name}` | {level}{', whole stack' if rule.of_stack else ''} | {what} | {'<br>'.join(rule.controls)} |"
    )
