"""The table from Pulumi type to the AWS calls that create it.

A type that is not here fails the rehearsal: what was not created can't have been rehearsed.
"""

from collections.abc import Mapping

from private_inference.rehearsal.rows import Row
from private_inference.rehearsal.services import ec2, identity, observability, serving, storage

TABLE: Mapping[str, Row] = ec2.ROWS | identity.ROWS | storage.ROWS | serving.ROWS | observability.ROWS
