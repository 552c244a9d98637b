"""What a person can press at the kiosk, and what a person can be told. Pure.

The page has words for each in every language; `keys` says who may press which when.
"""

from typing import Literal

Key = Literal[
    "bigger",
    "occupied",
    "broken",
    "cancel",
    "done",
    "take_out",
    "size",
    "carrier",
    "empty",
    "not_me",
    "more_time",
]

Told = Literal[
    "opens",
    "refused",
    "long_code_needed",
    "busy",
    "out_of_order",
    "unknown",
    "queued",
    "no_room",
    "no_bigger",
    "expired",
    "deposited",
    "check_empty",
    "badge_needed",
    "badge_accepted",
    "badge_refused",
    "badge_used",
    "choose_carrier",
    "choose_size",
    "nothing_in_hand",
    "nothing_to_take",
    "swept",
    "cancelled",
    "noted",
    "done",
    "warm",
    "locker_out_of_order",
    "no_deposits",
    "push_door",
    "not_opened",
    "jammed",
    "jammed_out",
    "left_open",
    "seen_empty",
    "seen_full",
]
"""What a person is told; the kiosk has words for each in every language."""
