"""Drop-offs: returns and first-mile parcels that people put in."""
