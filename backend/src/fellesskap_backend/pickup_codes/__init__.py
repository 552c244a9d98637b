"""Pickup codes: rotated, given to somebody else as a second one, revoked."""
