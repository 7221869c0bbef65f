"""Jobs with real child processes: success, failure, cancel, crash, and the program that goes away meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ChestCTJobs import job as job_module
from ChestCTJobs.child import process_exists
from ChestCTJobs.job import FOLDER_PREFIX, Job, JobState, Work
from ChestCTLib.errors import ChestCTError, InputError

CANCEL_LIMIT_S = 1.0
PHANTOM = ("phantom", "-o", "made", "--spacing", "8", "6", "6")
LONG_PHANTOM = ("phantom", "-o", "made", "--spacing", "1", "0.8", "0.8")

FAMILY = '''
"""Stands for the child: starts a child of its own, tells its number, and stays."""
import json, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
print(json.dumps({"result": {"grandchild": grandchild.pid}}), flush=True)
print(json.dumps({"fraction": 0.5, "step": "waiting"}), flush=True)
time.sleep(120)
'''

PROGRAM = '''
"""Stands for Slicer: runs a job and then does not come back."""
import sys, time
from ChestCTJobs.job import Job, Work
job = Job(Work((tuple(sys.argv[1:]),), lambda f: iter(()), lambda f: iter(()), lambda: iter(())))
job.start()
while job.pid is None:
    job.poll()
print(job.pid, job._folder, flush=True)
time.sleep(120)
'''


def _nothing(*_: object) -> Iterator[None]:
    yield


def _work(*command: str) -> Work:
    return Work((command,), _nothing, _nothing, _nothing)


def _private_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{os.getpid()}-*"))


def _wait(condition: object, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return bool(condition())  # type: ignore[operator]


def _runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits to be counted does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return process_exists(pid) if not Path("/proc").is_dir() else False


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A running job whose child has a child of its own."""
    (tmp_path / "family.py").write_text(FAMILY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(job_module, "CHILD", "family")
    job = Job(_work())
    job.start()
    assert _wait(lambda: job.poll() and job.step == "waiting", 20)
    return job


def test_a_job_hands_over_files_reports_steps_and_leaves_no_folder() -> None:
    seen: list[Path] = []

    def load(folder: Path) -> Iterator[None]:
        seen.extend(sorted((folder / "made").iterdir()))
        yield

    job = Job(Work((PHANTOM,), _nothing, load, _nothing))
    fractions, steps = [], set()
    job.start()
    while job.poll():
        fractions.append(job.fraction)
        steps.add(job.step)
        time.sleep(0.005)
    assert job.state is JobState.done and job.fraction == 1.0
    assert {"ct.nii.gz", "lungs.nii.gz"} <= {path.name for path in seen}
    assert fractions == sorted(fractions) and len(steps) > 3
    assert job.results["lesion_count"] > 0
    assert _private_folders() == []


def test_a_failure_comes_with_the_commands_own_message_and_remedy() -> None:
    job = Job(_work("lungs", "missing.nrrd", "-o", "lungs.nrrd"))
    with pytest.raises(ChestCTError) as caught:
        job.run_to_end(60)
    assert job.state is JobState.failed
    assert "missing.nrrd" in caught.value.problem and caught.value.remedy
    assert _private_folders() == []


def test_a_wrong_command_is_reported_with_the_childs_last_lines() -> None:
    job = Job(_work("no-such-command"))
    with pytest.raises(ChestCTError):
        job.run_to_end(60)
    assert job.failure is not None and "no-such-command" in job.failure.details


def test_cancel_is_over_within_a_second_and_leaves_no_process_and_no_folder(family: Job) -> None:
    child, grandchild = family.pid, int(family.results["grandchild"])
    assert child is not None and _runs(grandchild)
    started = time.monotonic()
    family.cancel()
    while family.poll():
        time.sleep(0.01)
    assert time.monotonic() - started < CANCEL_LIMIT_S
    assert family.state is JobState.cancelled
    assert not _runs(child) and _wait(lambda: not _runs(grandchild), 0.5)
    assert _private_folders() == []


def test_cancel_works_before_the_child_has_started() -> None:
    job = Job(_work(*PHANTOM))
    job.start()
    job.cancel()
    assert job.state is JobState.cancelled and not job.poll()
    assert _private_folders() == []


def test_a_killed_child_is_a_failure_that_names_memory_and_takes_its_children_along(family: Job) -> None:
    child, grandchild = family.pid, int(family.results["grandchild"])
    assert child is not None
    os.kill(child, signal.SIGKILL)
    assert _wait(lambda: not family.poll(), 5)
    assert family.state is JobState.failed
    assert family.failure is not None and "signal 9" in family.failure.problem and "memory" in family.failure.remedy
    assert _wait(lambda: not _runs(grandchild), 1)
    assert _private_folders() == []


def test_closing_the_program_in_an_orderly_way_ends_everything_at_once(family: Job) -> None:
    child, grandchild = family.pid, int(family.results["grandchild"])
    family.close()
    assert family.state is JobState.cancelled and family.ended
    assert child is not None and not _runs(child)
    assert _wait(lambda: not _runs(grandchild), 0.5)
    assert _private_folders() == []


def test_a_program_that_is_killed_takes_the_child_and_its_folder_along(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    program = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), *LONG_PHANTOM],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path},
    )
    assert program.stdout is not None
    pid_text, folder = program.stdout.readline().split(maxsplit=1)
    child = int(pid_text)
    time.sleep(1.0)  # the child has begun to watch
    assert _runs(child)
    program.kill()
    program.wait()
    assert _wait(lambda: not _runs(child), 10)
    assert _wait(lambda: not Path(folder.strip()).exists(), 2)


def test_an_error_in_the_program_itself_fails_the_job_and_cleans_up() -> None:
    def before(folder: Path) -> Iterator[None]:
        (folder / "half.nrrd").write_bytes(b"")
        yield
        raise InputError("The volume is gone.", "Load it again.")

    job = Job(Work((PHANTOM,), before, _nothing, _nothing))
    with pytest.raises(ChestCTError, match="Load it again"):
        job.run_to_end(10)
    assert job.state is JobState.failed and _private_folders() == []


def test_showing_a_result_cannot_be_cancelled_half_way() -> None:
    shown: list[int] = []

    def show() -> Iterator[None]:
        for step in range(3):
            shown.append(step)
            yield

    job = Job(Work((("models",),), _nothing, _nothing, show))
    job.start()
    assert _wait(lambda: job.poll() and job.state is JobState.showing, 60)
    job.cancel()
    while job.poll():
        pass
    assert job.state is JobState.done and shown == [0, 1, 2]


def test_folders_of_a_program_that_is_gone_are_removed_by_the_next_job(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{gone.pid}-"))
    job_module.remove_abandoned_folders()
    assert not left.exists()


def test_the_private_folder_is_readable_by_its_owner_alone() -> None:
    job = Job(_work(*PHANTOM))
    job.start()
    (folder,) = _private_folders()
    assert folder.stat().st_mode & 0o077 == 0
    job.close()


@pytest.mark.skipif(os.name == "nt", reason="the launcher here is a shell script")
def test_slicers_interpreter_is_used_and_a_cancel_reaches_what_its_launcher_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = tmp_path / "PythonSlicer"  # like Slicer's: starts Python as a child of its own and waits
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert job_module.interpreter() == str(launcher)
    (tmp_path / "family.py").write_text(FAMILY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(job_module, "CHILD", "family")
    job = Job(_work())
    job.start()
    assert _wait(lambda: job.poll() and job.step == "waiting", 20)
    grandchild = int(job.results["grandchild"])
    job.cancel()
    assert _wait(lambda: not job.poll(), CANCEL_LIMIT_S)
    assert job.state is JobState.cancelled and _wait(lambda: not _runs(grandchild), 0.5)


def test_worker_processes_are_started_without_slicers_launcher() -> None:
    """It would hand their pipes to nobody: the pool would wait for ever."""
    script = """
import sys
from multiprocessing import spawn
from ChestCTJobs.child import start_workers_without_launcher
start_workers_without_launcher()
print(spawn.get_executable().decode() == sys.executable)
sys.executable = "/opt/Slicer/bin/PythonSlicer"
start_workers_without_launcher()
print(spawn.get_executable().decode())
"""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )
    unchanged, chosen = ended.stdout.splitlines()
    assert unchanged == "True" and "PythonSlicer" not in chosen and Path(chosen).is_file()
