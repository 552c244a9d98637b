"""Doors that operators open from afar."""
