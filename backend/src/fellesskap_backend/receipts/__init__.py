"""Receipts: each hour one tree over all decisions, whose signed root is public."""
