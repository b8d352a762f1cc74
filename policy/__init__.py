"""Policies that a stack must satisfy before and after it is deployed: private-only, encrypted, least privilege."""
