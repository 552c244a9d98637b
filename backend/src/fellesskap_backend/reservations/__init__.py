"""Reservations: what a carrier asked for and what became of it, and the claims behind them."""
