"""Decisions: every answer of the allocation policy, each a link of its locker's chain."""
