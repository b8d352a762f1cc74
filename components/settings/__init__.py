"""The settings of a stack: typed, validated once, frozen. The only reader of Pulumi configuration.

Every default is the strict choice. What loosens one is named `…Because` and takes the reason, which is shown to
reviewers. All problems of a stack's configuration are reported at once, each with its key, value and remedy.
"""

from components.settings.account_guards import AccountGuardsSettings
from components.settings.asynchronous import AsynchronousSettings
from components.settings.callers import CallerSettings
from components.settings.components import ComponentSettings
from components.settings.data_capture import DataCaptureSettings
from components.settings.endpoints import EndpointSettings
from components.settings.existing_vpc import ExistingVpcSettings
from components.settings.flows import ACCESS, CLIENTS, FlowSettings, blocks_of
from components.settings.image import ImageSettings
from components.settings.image_scan import ImageScanSettings
from components.settings.loading import SettingsError, load, parse
from components.settings.models import (
    ArtifactSettings,
    PrivateAccessSettings,
    SecuritySettings,
    Settings,
)
from components.settings.network import NetworkSettings
from components.settings.served_model import Container, ModelSettings
from components.settings.shadow import ShadowSettings
from components.settings.variants import ALL_TRAFFIC, AlarmSettings, InstanceSettings, VariantSettings, label

__all__ = [
    "ACCESS",
    "ALL_TRAFFIC",
    "CLIENTS",
    "AccountGuardsSettings",
    "AlarmSettings",
    "ArtifactSettings",
    "AsynchronousSettings",
    "CallerSettings",
    "ComponentSettings",
    "Container",
    "DataCaptureSettings",
    "EndpointSettings",
    "ExistingVpcSettings",
    "FlowSettings",
    "ImageScanSettings",
    "ImageSettings",
    "InstanceSettings",
    "ModelSettings",
    "NetworkSettings",
    "PrivateAccessSettings",
    "SecuritySettings",
    "Settings",
    "SettingsError",
    "ShadowSettings",
    "VariantSettings",
    "blocks_of",
    "label",
    "load",
    "parse",
]
