"""Carriers (the tenants), and the keys by which they and the operators come in."""
