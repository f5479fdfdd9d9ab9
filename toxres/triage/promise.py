"""What can be promised of automatic decisions, as a record that needs nothing heavy to be read."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Promise:
    """What can be promised of one group's decisions of one kind.

    Attributes:
        of: "accepted", "rejected" or "automatic" (both together).
        tolerated: Share of wrong decisions that the policy tolerates.
        error: Probability that the promise is wrong, over the draw of the calibration rows.
        kept: Whether thresholds were found that keep it. If not, no comment is decided this way.
        decided: Calibration rows decided this way; if not kept, at the candidate that came nearest.
        wrong: Wrong ones of these.
        p_value: Of "the true share is above `tolerated`" at these thresholds.
        upper: One-sided upper bound of the true share at confidence `1 - error`, for these thresholds by themselves.
        rows_needed: If not kept: calibration rows that would do at the error rate found; None if no number would.
        why: If not kept, the reason in words; else "".
    """

    of: str
    tolerated: float
    error: float
    kept: bool
    decided: int
    wrong: int
    p_value: float
    upper: float
    rows_needed: int | None = None
    why: str = ""

    def told(self) -> str:
        """The promise, or why there is none, as a sentence."""
        if not self.kept:
            return f"{self.of}: no promise, so nothing is {verb(self.of)} automatically; {self.why}"
        return (
            f"{self.of}: with confidence {1 - self.error:.3g}, at most {self.tolerated:.3g} wrong "
            f"({self.wrong:,} of {self.decided:,} calibration rows were)"
        )


def verb(of: str) -> str:
    """What happens to comments that are decided this way, as a participle."""
    return {"accepted": "accepted", "rejected": "rejected"}.get(of, "decided")
