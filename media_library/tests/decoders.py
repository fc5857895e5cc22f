"""A decoder that does what tests ask of it, in the process that decodes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from media_library.codecs.process import Refused


def main(arguments: dict[str, Any]) -> dict[str, Any]:
    match arguments["do"]:
        case "echo":
            sys.stdout.write("not an answer")
            sys.stdout.flush()
            heavy = sorted({"django", "psutil", "numpy"} & sys.modules.keys())
            environment = sorted(os.environ)
            return {"said": arguments["say"], "environment": environment, "niceness": os.nice(0), "heavy": heavy}
        case "refuse":
            raise Refused("not_a_picture", "This is no picture.")
        case "raise":
            raise ValueError("a bug")
        case "eat":
            return {"eaten": len(bytearray(4 * 1024**3))}
        case "die":
            os.kill(os.getpid(), signal.Signals[arguments["signal"]])
        case "chatter":
            sys.stderr.write("x" * 5_000_000)
        case "sleep":
            Path(arguments["pid_file"]).write_text(str(os.getpid()))
            time.sleep(60)
        case "burn":
            while True:
                pass
        case "spawn":
            subprocess.run([sys.executable, "-c", "pass"], check=True)
    return {}
