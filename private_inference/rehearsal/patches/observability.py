"""Amazon SNS."""

from typing import Any

from moto.sns.models import SNSBackend

from private_inference.rehearsal.patches.patch import patch


@patch(SNSBackend, "subscribe")
def pending_confirmation(original: Any, backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
    """A subscription by e-mail waits until its owner confirms it (API_Subscribe)."""
    subscription = original(backend, topic_arn, endpoint, protocol)
    if protocol in ("email", "email-json"):
        subscription.attributes |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
    return subscription
