"""Writes the stack as a Terraform configuration: the same program, run by an engine that answers with references."""
