"""Which coil a frame to a lock board switches on, by the makers' own examples.

Knows no driver: what an outsider with a protocol analyser on the line would say.
"""

from fellesskap_edge.config import Bank, LockerConfig


def unlocked(config: LockerConfig, port: str, frame: bytes) -> int | None:
    """Return the compartment whose lock this frame pulses, None if it pulses none."""
    for bank in config.banks:
        channel = _channel(bank, frame) if bank.port == port else None
        if channel is not None:
            return next(
                one.number
                for one in config.compartments
                if (one.bank, one.channel) == (bank.name, channel)
            )
    return None


def _channel(bank: Bank, frame: bytes) -> int | None:
    """Return which channel of a bank a frame pulses."""
    channel: int | None = None
    match bank.family, *frame:
        case "8a", 0x8A, bank.address, said, *_:
            channel = said
        case "kerong", 0x02, where, 0x31, *_ if where >> 4 == bank.address:
            channel = (where & 0x0F) + 1
        case "waveshare" | "waveshare_d", bank.address, 0x05, 0x02, relay, *_:
            channel = relay + 1
        case "wkly", 0x57, 0x4B, 0x4C, 0x59, _, bank.address, 0x82, said, *_:
            channel = said
    return channel
