"""The rows of the resource table, by AWS service."""
