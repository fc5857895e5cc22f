"""Any one process, killed or stopped (it hangs, and nobody is told): whoever asks /readyz is not deceived.

Either what falls due meanwhile goes out, or /readyz says within half a minute that it does not (or answers nothing). A
minute after the process has ended it is replaced, all is well, and each post is out once.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.crowd import Burst, Crowd, victim_of
from tests.faults.figures import note
from tests.instance import PATIENCE_S, Instance
from tests.scale import IS_FULL, scaled

TOLD_WITHIN_S = scaled(30)
WELL_WITHIN_S = 60 if IS_FULL else PATIENCE_S  # the bar is for a machine that does nothing else
PARTS = (
    "web", "web_worker", "worker", "sentinel", "pusher", "monitor", "q2_worker", "idle worker", "clock"
)  # fmt: skip
# The short form: who is killed is killed in test_processes.py too, and what hangs hangs the longest.
CASES = (
    [(signum, part) for signum in (signal.SIGKILL, signal.SIGSTOP) for part in PARTS]
    if IS_FULL
    else [(signal.SIGSTOP, part) for part in ("web_worker", "sentinel", "pusher", "idle worker")]
)


# A task ran that was fetched after that moment: the beat of a drain would not show it.
BEAT = "SELECT 1 FROM core_heartbeat WHERE name = 'q2' AND at > %s"


class Asked:
    """What /readyz and the world say, from a process that was struck until all is well again."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.crowd = instance, Crowd(instance, ["mastodon"])

    def strike(self, signum: signal.Signals, part: str) -> tuple[str, float, float]:
        """Returns how it was told, after how many seconds, and the seconds from its end until all was well."""
        victim, waits = victim_of(self.instance, part), self.crowd.write(1)
        os.kill(victim, signum)
        began = time.monotonic()
        waits.due_at = datetime.now(UTC)
        self.crowd.move(list(waits.texts), to=waits.due_at)
        told = self.told(waits)
        told_s = time.monotonic() - began
        with suppress(ProcessLookupError):  # killed, or replaced already since it hung
            os.kill(victim, signal.SIGKILL)
        ended, ended_at = time.monotonic(), datetime.now(UTC)
        self.instance.wait_for(
            lambda: self.crowd.rows(BEAT, ended_at + timedelta(seconds=0.5)) and self.instance.is_whole(),
            WELL_WITHIN_S,
            what=f"whole again after {part}: {self.instance.census()}",
        )
        self.crowd.wait_settled(waits, WELL_WITHIN_S + ended - time.monotonic())
        assert "already runs on" not in self.instance.output()
        well_s = time.monotonic() - ended
        self.crowd.check_truth(waits)
        return told, told_s, well_s

    def told(self, waits: Burst) -> str:
        """How somebody knows, who looks at /readyz."""
        until = time.monotonic() + TOLD_WITHIN_S
        while time.monotonic() < until:
            if self.crowd.statuses(waits)["published"]:
                return "goes on"
            status, answer = self.instance.readyz()
            if status != 200:
                red = [name for name, one in answer["checks"].items() if not one["ok"]] if status else ["no answer"]
                return ", ".join(red)
            time.sleep(0.1)
        raise AssertionError(f"green for {TOLD_WITHIN_S:g} s while a post that is due does not go out")


@pytest.mark.parametrize(("signum", "part"), CASES, ids=[f"{signum.name}-{part}" for signum, part in CASES])
def test_whoever_asks_is_not_deceived_and_all_is_well_again(
    instance: Instance, signum: signal.Signals, part: str
) -> None:
    told, told_s, well_s = Asked(instance).strike(signum, part)
    verb = "killed" if signum == signal.SIGKILL else "stopped"
    note("any one process", f"{part} {verb}: {told} after {told_s:.1f} s, well {well_s:.1f} s after its end")
