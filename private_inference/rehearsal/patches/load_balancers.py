"""Elastic Load Balancing: trust stores, listeners that ask clients for certificates, and balancers' interfaces."""

import base64
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import ec2_backends
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer
from moto.elbv2.responses import ELBV2Response
from moto.moto_api._internal import mock_random

from private_inference.rehearsal.model_server import stored_object
from private_inference.rehearsal.patches import certificates, model_interfaces
from private_inference.rehearsal.patches.patch import patch

# Trust stores


class TrustStore:
    """The certificates of the authorities that clients' are from, as they were in S3 when it was made or changed."""

    def __init__(self, arn: str, name: str) -> None:
        self.trust_store_arn, self.name, self.status = arn, name, "ACTIVE"
        self.bundle = ""
        self.number_of_ca_certificates = self.total_revoked_entries = 0

    def load(self, bundle: bytes) -> None:
        """Raises ELBClientError where these are no authorities' certificates (API_CreateTrustStore)."""
        try:
            found = x509.load_pem_x509_certificates(bundle)
        except ValueError:
            raise ELBClientError("InvalidCaCertificatesBundle", "The bundle holds no certificates in PEM.") from None
        if not all(map(_issues, found)):
            raise ELBClientError("InvalidCaCertificatesBundle", "The bundle holds certificates that are no CA's.")
        self.bundle, self.number_of_ca_certificates = bundle.decode(), len(found)


def _issues(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def trust_stores(backend: Any) -> dict[str, TrustStore]:
    """Those of an account and region, by ARN."""
    kept: dict[str, TrustStore] = backend.__dict__.setdefault("trust_stores", {})
    return kept


def _store(response: Any) -> TrustStore:
    found = trust_stores(response.elbv2_backend).get(response._get_param("TrustStoreArn"))
    if found is None:
        raise ELBClientError("TrustStoreNotFound", "The specified trust store does not exist.")
    return found


def _load(response: Any, store: TrustStore) -> None:
    bucket, key = (response._get_param(f"CaCertificatesBundleS3{part}") for part in ("Bucket", "Key"))
    found = stored_object(response.elbv2_backend, f"s3://{bucket}/{key}")
    if found is None:
        raise ELBClientError("CaCertificatesBundleNotFound", f"There is no object {key} in {bucket}.")
    store.load(found.value)


@patch(ELBV2Response, "create_trust_store")
def trust_store(original: Any, response: Any) -> ActionResult:
    """CreateTrustStore reads a bundle of CA certificates from S3 (API_CreateTrustStore)."""
    backend, name = response.elbv2_backend, response._get_param("Name")
    if any(each.name == name for each in trust_stores(backend).values()):
        raise ELBClientError("DuplicateTrustStoreName", "A trust store with the specified name already exists.")
    place = f"arn:{backend.partition}:elasticloadbalancing:{backend.region_name}:{backend.account_id}"
    made = TrustStore(f"{place}:truststore/{name}/{mock_random.get_random_hex(16)}", name)
    _load(response, made)
    trust_stores(backend)[made.trust_store_arn] = made
    backend.tagging_service.tag_resource(made.trust_store_arn, response._get_param("Tags"))
    return ActionResult({"TrustStores": [made]})


@patch(ELBV2Response, "modify_trust_store")
def trust_store_modified(original: Any, response: Any) -> ActionResult:
    """ModifyTrustStore reads another bundle."""
    store = _store(response)
    _load(response, store)
    return ActionResult({"TrustStores": [store]})


@patch(ELBV2Response, "describe_trust_stores")
def trust_stores_described(original: Any, response: Any) -> ActionResult:
    """DescribeTrustStores, of all or of those that are named."""
    kept = trust_stores(response.elbv2_backend)
    arns, names = response._get_param("TrustStoreArns") or [], response._get_param("Names") or []
    if set(arns) - set(kept):
        raise ELBClientError("TrustStoreNotFound", "The specified trust store does not exist.")
    found = [each for each in kept.values() if not arns + names or each.trust_store_arn in arns or each.name in names]
    return ActionResult({"TrustStores": found})


@patch(ELBV2Response, "get_trust_store_ca_certificates_bundle")
def trust_store_bundle(original: Any, response: Any) -> ActionResult:
    """GetTrustStoreCaCertificatesBundle says where the bundle is: in AWS an object in S3, here the URL holds it."""
    bundle = base64.b64encode(_store(response).bundle.encode()).decode()
    return ActionResult({"Location": f"data:application/x-pem-file;base64,{bundle}"})


def _users(response: Any) -> list[str]:
    """ARNs of the listeners that use the store which is asked about."""
    arn = _store(response).trust_store_arn
    return [each.arn for each in listeners(response.elbv2_backend) if authentication(each).get("TrustStoreArn") == arn]


@patch(ELBV2Response, "describe_trust_store_associations")
def trust_store_users(original: Any, response: Any) -> ActionResult:
    """DescribeTrustStoreAssociations: the AWS provider waits for none before it deletes a store."""
    return ActionResult({"TrustStoreAssociations": [{"ResourceArn": arn} for arn in _users(response)]})


@patch(ELBV2Response, "delete_trust_store")
def trust_store_deleted(original: Any, response: Any) -> EmptyResult:
    """DeleteTrustStore refuses one that a listener uses."""
    backend, store = response.elbv2_backend, _store(response)
    if _users(response):
        raise ELBClientError("TrustStoreInUse", "The specified trust store is currently in use.")
    del trust_stores(backend)[store.trust_store_arn]
    return EmptyResult()


@patch(ELBv2Backend, "_get_resource_by_arn")
def trust_stores_have_tags(original: Any, backend: Any, arn: str) -> Any:
    """AddTags takes trust stores, too (API_AddTags)."""
    return trust_stores(backend).get(arn) or original(backend, arn)


# Listeners


def listeners(backend: Any) -> Iterator[Any]:
    """moto's listeners of an account and region."""
    for balancer in backend.load_balancers.values():
        yield from balancer.listeners.values()


def authentication(listener: Any) -> dict[str, Any]:
    """How a listener asks clients for certificates; nothing if it does not (API_MutualAuthenticationAttributes)."""
    found: dict[str, Any] = getattr(listener, "mutual_authentication", {})
    return found


def _authenticated(response: Any, answer: Any) -> Any:
    """Keep how a listener asks clients for certificates. Raises ELBClientError."""
    (listener,) = answer.result["Listeners"]
    asked = response._get_param("MutualAuthentication")
    if listener.protocol == "HTTPS" and asked:
        if asked["Mode"] == "verify" and asked.get("TrustStoreArn") not in trust_stores(response.elbv2_backend):
            raise ELBClientError("TrustStoreNotFound", "The specified trust store does not exist.")
        listener.mutual_authentication = {"IgnoreClientCertificateExpiry": False, **asked}
    return answer


@patch(ELBV2Response, "create_listener")
def listener_authentication(original: Any, response: Any) -> Any:
    """CreateListener keeps how clients are authenticated, and takes issued certificates (API_CreateListener)."""
    for each in response._get_param("Certificates") or []:
        if not certificates.certificate(response.current_account, response.region, each["CertificateArn"]):
            raise ELBClientError("UnsupportedCertificate", f"The certificate '{each['CertificateArn']}' is not issued.")
    answer = original(response)
    try:
        return _authenticated(response, answer)
    except ELBClientError:
        response.elbv2_backend.delete_listener(answer.result["Listeners"][0].arn)
        raise


@patch(ELBV2Response, "modify_listener")
def listener_authentication_modified(original: Any, response: Any) -> Any:
    """ModifyListener, likewise."""
    return _authenticated(response, original(response))


# Balancers


def interfaces(backend: Any, balancer: Any) -> list[Any]:
    """moto's network interfaces of a balancer."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    return [each for each in ec2.enis.values() if each.description == f"ELB {balancer.arn.partition('/')[2]}"]


def _place(backend: Any, balancer: Any) -> None:
    """An interface in each subnet, with the balancer's groups.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
    """
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for each in interfaces(backend, balancer):
        each.delete()
    for subnet in balancer.subnets:
        described = f"ELB {balancer.arn.partition('/')[2]}"
        model_interfaces.place(ec2, subnet, balancer.security_groups, described)


@patch(ELBv2Backend, "create_load_balancer")
def balancer_interfaces(original: Any, backend: Any, *given: Any, **asked: Any) -> Any:
    """CreateLoadBalancer makes network interfaces, and an internal one's name begins with internal-."""
    made = original(backend, *given, **asked)
    if made.scheme == "internal":
        made.dns_name = f"internal-{made.dns_name}"
    _place(backend, made)
    return made


@patch(ELBv2Backend, "set_security_groups")
def balancer_groups(original: Any, backend: Any, arn: str, sec_groups: list[str]) -> None:
    """SetSecurityGroups changes those of the interfaces."""
    original(backend, arn, sec_groups)
    _place(backend, backend.load_balancers[arn])


@patch(ELBv2Backend, "delete_load_balancer")
def balancer_deleted(original: Any, backend: Any, arn: str) -> None:
    """DeleteLoadBalancer refuses a protected one, and takes listeners and interfaces along (API_DeleteLoadBalancer)."""
    balancer: FakeLoadBalancer | None = backend.load_balancers.get(arn)
    if balancer is None:
        return
    if balancer.attrs.get("deletion_protection.enabled") == "true":
        message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        raise ELBClientError("OperationNotPermitted", message)
    for each in interfaces(backend, balancer):
        each.delete()
    for group in backend.target_groups.values():
        group.load_balancer_arns = [each for each in group.load_balancer_arns if each != arn]
    original(backend, arn)
