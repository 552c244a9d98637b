"""Quotes: would it be confirmed now? Nothing is held and nothing is written."""
