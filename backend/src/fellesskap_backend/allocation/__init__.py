"""PURE: how room is shared between carriers; a policy is data, a decision a function of it."""
