"""Parcels: the physical items and their custody."""
