"""Webhooks: who subscribed, and what was delivered."""
