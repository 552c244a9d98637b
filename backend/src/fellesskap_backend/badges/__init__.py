"""Couriers' badges: issued by carriers, believed by lockers without network."""
