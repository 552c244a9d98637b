"""Manifests: up to 2,000 parcels in one call, each answered for itself."""
