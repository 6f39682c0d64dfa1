"""Whether a training keeps the time that was planned for it."""

from hornbook.base.console import clock, console
from hornbook.training.config import TrainingConfig

LATE = 2.0
"""How many times the planned minutes go without a word."""
FIRST_SECONDS = 20.0
"""What is seen of a training before its end is foretold."""


class Pace:
    """Says once that a training will take far longer than planned.

    Minutes became steps when the plan was made; a machine that has
    other work since then takes longer for the same steps.
    """

    def __init__(self, config: TrainingConfig, steps: int) -> None:
        timed = not (config.steps or config.epochs)
        self.planned = config.minutes * 60 if timed else 0.0
        self.steps, self.told = steps, False

    def watch(self, step: int, seconds: float) -> None:
        """Look at what ``step`` steps took, in seconds of training."""
        if self.told or not self.planned or seconds < FIRST_SECONDS:
            return
        whole = seconds / step * self.steps
        if whole > LATE * self.planned:
            self.told = True
            console.warn(
                f"at this speed it takes about {clock(whole)}, not "
                f"{clock(self.planned)} as planned: this machine was "
                "faster when it was measured; let it run, or stop it "
                "with Ctrl-C, which loses nothing, and go on when the "
                "machine is idle"
            )
