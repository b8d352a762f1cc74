"""Answers the load balancer. What it looks up, and how it calls the model, is the team's own matter."""

from typing import Any


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    return {"statusCode": 200, "body": event.get("path", "/")}
