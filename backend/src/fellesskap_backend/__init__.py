"""The carrier-neutral API, the bridge to the lockers and the worker."""

from importlib.metadata import version

__version__ = version("fellesskap-backend")
