"""The ledger: every journal event exactly once, in order."""
