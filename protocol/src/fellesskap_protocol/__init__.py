"""What edge and backend share: messages, signatures, topics, barcodes, codes, the capacity rule.

Nothing here does I/O or knows the time. Both sides import it; it imports nothing of ours.
"""

PROTOCOL_VERSION = 1
"""The version of the wire that this package speaks (`docs/protocol.md` 2)."""
