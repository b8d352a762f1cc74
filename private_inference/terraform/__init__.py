"""Writes the stack as a Terraform configuration: the same program, run against an engine that answers references."""
