"""Policies: announced, published, in force; weights, standings and reviewed quotas."""
