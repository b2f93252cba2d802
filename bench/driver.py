"""Starts workers, lets one of them at a time run, and speaks the line protocol of README.md with it."""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).parent
LIBC = ctypes.CDLL(None)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def end_with_the_driver():
    """A stopped worker would outlive a driver that was killed; the kernel ends it instead."""
    death_signal = 1  # PR_SET_PDEATHSIG
    LIBC.prctl(death_signal, signal.SIGKILL)


class WorkerFailed(Exception):
    pass


class Worker:
    """A worker process in a process group of its own, stopped whenever it is not its turn."""

    def __init__(self, label, command, threads, log):
        self.label, self.threads = label, threads
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        environment |= {"TOKENIZERS_PARALLELISM": "true", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
            start_new_session=True, preexec_fn=end_with_the_driver,
        )

    def ask(self, limit_s=900, **request):
        """The reply without its `ok`; WorkerFailed when the worker says no, dies, or takes longer than `limit_s`."""
        alarm = threading.Timer(limit_s, self.kill)
        alarm.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            alarm.cancel()
        if not line:
            raise WorkerFailed(f"{self.label}: died at {request['cmd']} (see the log)")
        try:
            reply = json.loads(line)
        except ValueError:
            raise WorkerFailed(f"{self.label}: answered {request['cmd']} with {line[:200]!r}, not JSON") from None
        if not reply.pop("ok", False):
            raise WorkerFailed(f"{self.label}: {request['cmd']}: {reply.get('error')}")
        return reply

    @contextlib.contextmanager
    def turn(self):
        """The time in which the worker may run."""
        self.signal(signal.SIGCONT)
        try:
            yield self
        finally:
            self.signal(signal.SIGSTOP)

    def signal(self, which):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, which)

    def kill(self):
        self.signal(signal.SIGKILL)

    def close(self):
        self.kill()
        self.process.wait()


def python_worker(peer, work):
    return [sys.executable, str(HERE / "peers" / "worker.py"), peer, "--work", str(work)]


def group_processes(groups):
    """Ids of the processes that belong to one of the process groups."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) in groups:
                    yield int(entry), fields


def idle_cpu_seconds(workers, span_s=0.5):
    """Processor time that all stopped workers together use in `span_s`; anything but 0 would spoil the run."""

    def total():
        ticks = sum(int(f[11]) + int(f[12]) for _, f in group_processes({w.process.pid for w in workers}))
        return ticks / os.sysconf("SC_CLK_TCK")

    time.sleep(0.1)
    before = total()
    time.sleep(span_s)
    return total() - before
