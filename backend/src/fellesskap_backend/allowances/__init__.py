"""Allowances: capacity that a locker may give away by itself, and the size classes."""
