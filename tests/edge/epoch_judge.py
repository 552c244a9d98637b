"""What an outsider thinks of a store that was lost or went back in time."""

from tests.edge.outside_judge import Judge


class EpochJudge(Judge):
    """Follows a locker from one epoch to the next."""
