"""Delegations: a carrier lets a consolidator act for it, until an end and no longer."""
