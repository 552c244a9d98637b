"""Lock boards, one driver a family: a pure codec and what the bus needs to know of it."""
