"""The web page at the locker: a small server on loopback in the daemon."""
