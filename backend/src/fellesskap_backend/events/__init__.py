"""The carriers' event feed."""
