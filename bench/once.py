"""Runs a command of contexture-bench that does one thing, prints one JSON object as its last line, and ends."""

import json
import os
import subprocess

from driver import THREAD_VARIABLES, WorkerFailed


def once(command, threads, log, limit_s=900):
    """The object; WorkerFailed where the command fails, takes too long or prints something else."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    name = " ".join(command[:2])
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, timeout=limit_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorkerFailed(f"{name}: {error}") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        hint = "; has it this command?" if done.returncode == 2 else ""
        raise WorkerFailed(f"{name}: exit {done.returncode}, {len(lines)} lines of output{hint} (see {log.name})")
    try:
        return json.loads(lines[-1])
    except ValueError:
        raise WorkerFailed(f"{name}: printed {lines[-1][:200]!r}, not JSON") from None
