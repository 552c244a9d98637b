"""The carrier-neutral API, the bridge to the lockers and the worker."""
