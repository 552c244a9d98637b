"""The technician's tool: what `fellesskap-edge` does beside running the locker."""
