"""Writes the defaults in published.json anew, as Service Quotas lists them; needs AWS credentials of any account.

    python -m private_inference.quotas.refresh REGION

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetAWSDefaultServiceQuota.html. A default of null
stays so: AWS gives accounts different ones, so that one account's answer is not everybody's.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from private_inference.quotas.published import FILE, Quota, read


def main() -> None:
    """Ask with the shell's credentials."""
    import boto3

    client = boto3.Session(region_name=sys.argv[1]).client("service-quotas")
    FILE.write_text(written(refreshed(read(), client)), encoding="utf-8")


def refreshed(content: Mapping[str, Any], client: Any) -> dict[str, Any]:
    """The content of the file, with the defaults that `client` answers."""
    quotas = [{**each, **_answer(each, client)} for each in content["quotas"]]
    return {**content, "date": datetime.now(UTC).date().isoformat(), "quotas": quotas}


def _answer(entry: Mapping[str, Any], client: Any) -> dict[str, Any]:
    if not Quota(**entry).listed or entry["default"] is None:
        return {}
    asked = {"ServiceCode": entry["service"], "QuotaCode": entry["code"]}
    found = client.get_aws_default_service_quota(**asked)["Quota"]
    return {"name": found["QuotaName"], "default": found["Value"], "adjustable": found["Adjustable"]}


def written(content: Mapping[str, Any]) -> str:
    """The file's text: a quota a line."""
    quotas = ",\n".join(json.dumps(each) for each in content["quotas"])
    head = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in content.items() if key != "quotas")
    return f'{{\n{head}"quotas": [\n{quotas}\n]\n}}\n'


if __name__ == "__main__":
    main()
