"""One run of the ``covidmtl`` command for a module: prepare files, run a child process, load what it wrote.

Free of Qt: whoever owns the event loop calls :meth:`Job.poll` every few milliseconds; each call does one short step, so
the GUI never waits. Python threads stand still in Slicer's event loop and a crash there takes the user's scene along,
which is why the work lives in a process of its own.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ChestCTJobs.child import Prepared, PreparedMap, Request, process_exists
from ChestCTLib.errors import ChestCTError

logger = logging.getLogger(__name__)

FOLDER_PREFIX = "covidmtl-job-"
PACKAGES = ("ChestCTLib", "LesionSegLib", "COVIDMTLApp")  # one of each module folder
PREPARING_SHARE = 0.03  # of the progress bar
LOADING_SHARE = 0.05
TERM_GRACE_S = 0.3  # between asking the child to end and ending it; a cancel must be over within a second
LAST_LINES = 12  # of the child's messages, shown when it fails
CHILD = "ChestCTJobs.child"
LAUNCHER_SAYS = "exit abnormally"  # Slicer's ``PythonSlicer``, of a child ended by a signal; its own code is then 1

Steps = Callable[[Path], Iterator[None]]
"""Work in the program itself, cut into short steps; gets the private folder."""


class JobState(Enum):
    """Where a job is."""

    waiting = "waiting"
    preparing = "preparing"
    running = "running"
    loading = "loading"
    showing = "showing"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


ENDED = (JobState.done, JobState.failed, JobState.cancelled)


@dataclass(frozen=True)
class Failure:
    """Why a job failed.

    Attributes:
        problem: What went wrong.
        remedy: What the user can do about it.
        details: The child's last lines.
    """

    problem: str
    remedy: str = ""
    details: str = ""

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


@dataclass(frozen=True)
class Work:
    """What a job does.

    Attributes:
        commands: Arguments of the ``covidmtl`` commands; file names are relative to the private folder.
        before: Writes the input files into the private folder.
        load: Reads the results from the private folder.
        show: Puts them into the scene: the only place where nodes are changed, and too late to cancel.
        volume: Name of the CT file that ``before`` writes.
        prepared: Label files to make quickly readable.
        maps: Files of real numbers to make quickly readable.
    """

    commands: tuple[tuple[str, ...], ...]
    before: Steps
    load: Steps
    show: Callable[[], Iterator[None]]
    volume: str = ""
    prepared: tuple[Prepared, ...] = field(default=())
    maps: tuple[PreparedMap, ...] = field(default=())


class Job:
    """One run of a :class:`Work`; everything it made outside the scene is gone when it ends.

    Attributes:
        state: Where it is.
        fraction: Share done, in [0, 1].
        step: What is being done now.
        failure: Why it failed, once it has.
        results: What the commands reported as ``{"result": {...}}``, merged.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.state = JobState.waiting
        self.fraction = 0.0
        self.step = ""
        self.failure: Failure | None = None
        self.results: dict[str, Any] = {}
        self._folder: Path | None = None
        self._steps: Iterator[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._rest = b""
        self._error: Failure | None = None
        self._kill_at: float | None = None
        self._command, self._of = 0, max(len(work.commands), 1)

    @property
    def ended(self) -> bool:
        """Whether it is over, one way or another."""
        return self.state in ENDED

    @property
    def pid(self) -> int | None:
        """Process id of the child while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin; the first step is done by the next :meth:`poll`."""
        remove_abandoned_folders()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
        self.state, self.step = JobState.preparing, "Preparing"
        self._steps = self.work.before(self._folder)

    def poll(self) -> bool:
        """Do one short step.

        Returns:
            Whether there is more to do.
        """
        try:
            if self.state is JobState.preparing and self._advance():
                self._launch()
            elif self.state is JobState.running:
                self._watch()
            elif self.state is JobState.loading and self._advance():
                self.state, self._steps = JobState.showing, self.work.show()
            elif self.state is JobState.showing and self._advance():
                self._end(JobState.done)
        except ChestCTError as error:
            self._fail(Failure(error.problem, error.remedy))
        except Exception as error:
            logger.exception("The job failed in the program itself.")
            self._fail(Failure(f"{type(error).__name__}: {error}", "Report this with the log of the application."))
        return not self.ended

    def cancel(self) -> None:
        """End the child and its children and leave nothing; over within a second of polling.

        Once results are being shown it is too late: that takes less than a second and must not stop half-way.
        """
        if self.ended or self.state is JobState.showing:
            return
        if self._process is None or self._process.poll() is not None:
            self._end(JobState.cancelled)
        elif self._kill_at is None:
            self.step = "Cancelling"
            signal_group(self._process, hard=False)
            self._kill_at = time.monotonic() + TERM_GRACE_S

    def close(self) -> None:
        """End at once, as when the application closes."""
        if self.ended:
            return
        if self._process is not None:
            signal_group(self._process, hard=True)
        self._end(JobState.cancelled)

    def run_to_end(self, timeout_s: float = 3600.0, pause_s: float = 0.02) -> None:
        """Run without an event loop, as scripts and tests do.

        Raises:
            ChestCTError: The job failed, or took longer than ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        if self.state is JobState.waiting:
            self.start()
        while self.poll():
            if time.monotonic() > deadline:
                self.close()
                raise ChestCTError(f"The work took longer than {timeout_s:.0f} s.", "Allow more time.")
            if self.state is JobState.running:
                time.sleep(pause_s)
        if self.failure is not None:
            raise ChestCTError(self.failure.problem, self.failure.remedy)

    def _advance(self) -> bool:
        """Do one step in the program itself; True when there are no more."""
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            return True
        return False

    def _launch(self) -> None:
        assert self._folder is not None
        commands = tuple(("--progress", "json", *command) for command in self.work.commands)
        work = self.work
        request = Request(os.getpid(), str(self._folder), commands, work.volume, work.prepared, work.maps)
        request.write(self._folder / "request.json")
        command = [interpreter(), "-m", CHILD, str(self._folder / "request.json")]
        with (self._folder / "stdout.txt").open("wb") as out, (self._folder / "stderr.txt").open("wb") as err:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=child_environment(self._folder),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                **own_group(),
            )
        self.state, self.step = JobState.running, "Starting"
        self.fraction = PREPARING_SHARE

    def _watch(self) -> None:
        assert self._process is not None
        self._read_lines()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            signal_group(self._process, hard=True)
        code = self._process.poll()
        if code is None:
            return
        self._read_lines()
        if self._kill_at is not None:
            self._end(JobState.cancelled)
        elif code != 0:
            self._fail(self._error or _crash(code, self._last_lines()))
        else:
            self.state, self.step, self.fraction = JobState.loading, "Loading the result", 1.0 - LOADING_SHARE
            assert self._folder is not None
            self._steps = self.work.load(self._folder)

    def _read_lines(self) -> None:
        assert self._folder is not None
        with (self._folder / "stdout.txt").open("rb") as stream:
            stream.seek(self._read)
            new = stream.read()
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", errors="replace"))

    def _take(self, line: str) -> None:
        try:
            values = json.loads(line)
        except ValueError:
            return
        if not isinstance(values, dict):
            return
        if "command" in values:
            self._command, self._of = int(values["command"]), int(values["of"])
        if "fraction" in values:
            done = (self._command + float(values["fraction"])) / self._of
            share = 1.0 - PREPARING_SHARE - LOADING_SHARE
            self.fraction = max(self.fraction, PREPARING_SHARE + share * done)
            if self._kill_at is None:
                self.step = str(values.get("step", ""))
        if "result" in values:
            self.results.update(values["result"])
        if "error" in values:
            self._error = Failure(str(values["error"]), str(values.get("remedy", "")), self._last_lines())

    def _last_lines(self) -> str:
        assert self._folder is not None
        text = (self._folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LAST_LINES:])

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        logger.error("%s %s\n%s", failure.problem, failure.remedy, failure.details)
        self._end(JobState.failed)

    def _end(self, state: JobState) -> None:
        if self._steps is not None:
            self._steps.close()  # type: ignore[attr-defined]  # generators undo what they began in their own finally
            self._steps = None
        if self._process is not None:
            signal_group(self._process, hard=True)  # also children that outlived the child
            self._process.wait()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self.state = state
        if state is JobState.done:
            self.fraction = 1.0


def interpreter() -> str:
    """The Python interpreter for child processes: Slicer's ``PythonSlicer``, else the current one."""
    return shutil.which("PythonSlicer") or sys.executable


def child_environment(folder: Path) -> dict[str, str]:
    """The environment of a child: this program's own, with the module folders on Python's path and a private TMPDIR."""
    folders = []
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            folders.append(str(Path(spec.origin).parents[1]))
    environment = dict(os.environ)
    known = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*folders, *known]))
    environment["PYTHONIOENCODING"] = "utf-8"
    for name in ("TMPDIR", "TEMP", "TMP"):
        environment[name] = str(folder)
    return environment


def remove_abandoned_folders() -> None:
    """Remove private folders whose program is gone, as after a crash of the machine."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        pid = folder.name[len(FOLDER_PREFIX) :].partition("-")[0]
        if pid.isdigit() and not process_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def own_group() -> dict[str, Any]:
    """Arguments of ``Popen`` that let a child lead a group of its own, without a window.

    Slicer's ``PythonSlicer`` is a launcher: the process that works is its child, which only the group reaches.
    """
    if os.name == "nt":
        flags: Sequence[str] = ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")
        return {"creationflags": sum(getattr(subprocess, flag) for flag in flags)}
    return {"start_new_session": True}


def signal_group(process: subprocess.Popen[Any], hard: bool) -> None:
    """Ask a child started with :func:`own_group` and its children to end, or end them."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    try:
        os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        logger.debug("The child's group is gone already.")


def _crash(code: int, details: str) -> Failure:
    if code == -9 or LAUNCHER_SAYS in details:
        how = " (signal 9)" if code == -9 else ", or crashed"
        return Failure(
            f"The work was ended from outside{how}.",
            "Mostly the computer ran out of memory: close other programs, or choose a coarser series.",
            details,
        )
    if code < 0:
        return Failure(f"The work crashed (signal {-code}).", "Report this with the details.", details)
    last = details.splitlines()[-1] if details else "it left no message"
    return Failure(f"The work failed: {last}.", "See the details.", details)
