"""Lockers: the cabinets, their devices, epochs and compartments."""
