"""The daemon in the locker: it decides every opening alone and writes it down before it happens."""

SOFTWARE = "0.1.0"
