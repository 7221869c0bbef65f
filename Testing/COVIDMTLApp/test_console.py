"""The command line imports little, reports progress as asked, and turns errors into messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from ChestCTLib.case_report import RESEARCH_NOTICE, Measure
from COVIDMTLApp import console

COMMAND = [sys.executable, "-m", "COVIDMTLApp"]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, encoding="utf-8"
    )


def test_help_imports_no_heavy_library() -> None:
    code = """
        import sys, COVIDMTLApp.cli
        heavy = {"torch", "vtk", "pandas", "numpy", "SimpleITK", "matplotlib"} & set(sys.modules)
        assert not heavy, heavy
    """
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_an_error_becomes_a_message_with_a_remedy_and_exit_code_1() -> None:
    done = subprocess.run([*COMMAND, "models", "no-such-model"], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1
    assert "no-such-model" in done.stderr
    assert "Traceback" not in done.stderr


def test_progress_and_errors_are_json_lines_where_a_program_reads() -> None:
    code = """
        import typer
        from ChestCTLib.errors import InputError
        from COVIDMTLApp import console
        console.set_style(console.ProgressStyle.json)
        try:
            with console.running("Work") as (progress, cancelled):
                progress(0.25, "first step")
                raise InputError("The value 7 is wrong.", "Use 8.")
        except typer.Exit as end:
            raise SystemExit(end.exit_code)
    """
    done = run_python(code)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [
        {"fraction": 0.25, "step": "first step"},
        {"error": "The value 7 is wrong.", "remedy": "Use 8."},
    ]
    assert done.returncode == 1


def test_sigterm_and_ctrl_c_end_the_work_with_exit_code_130() -> None:
    for signal_name in ("SIGTERM", "SIGINT"):
        code = f"""
            import os, signal, time, typer
            from COVIDMTLApp import console
            signal.signal(signal.SIGINT, signal.default_int_handler)  # shells in the background start deaf to Ctrl-C
            try:
                with console.running("Work"):
                    os.kill(os.getpid(), signal.{signal_name})
                    time.sleep(20)
            except typer.Exit as end:
                raise SystemExit(end.exit_code)
        """
        done = run_python(code)
        assert done.returncode == 130, done.stderr
        assert "Cancelled" in done.stderr


def test_the_module_runs_without_the_installed_script() -> None:
    done = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, encoding="utf-8", env={**os.environ, "COLUMNS": "200"}
    )
    assert done.returncode == 0
    assert "Usage: covidmtl" in done.stdout


def test_a_models_answer_is_told_with_what_it_learned_from_and_the_research_notice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    volume = Measure("lungs.volume", "Lung volume", 4000.0, "mL", "lung mask")
    answer = Measure("p", "COVID-19", 0.5, "probability", "Stacked model", decimals=3, evidence="real cohort")
    ratio = Measure("r", "Peripheral ratio", None, "%", why="No lesion was found.")
    console.say_measures([volume, ratio])
    assert capsys.readouterr().out == "Lung volume: 4000.0 mL\nPeripheral ratio: n/a (No lesion was found.)\n"
    console.say_measures([volume, answer])
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == ["COVID-19: 0.500 probability [Stacked model; learned from: real cohort]", RESEARCH_NOTICE]
