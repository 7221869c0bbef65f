"""Set up ``.venv`` from nothing, for ``make demo`` and ``make test``; standard library only.

Steps: system packages (installed where the user may, else named with the command to run), a virtual environment, the
CPU build of PyTorch, the project with its extras under ``constraints.txt``, and pyradiomics, which builds only without
build isolation. A stamp makes the second run quick.

Usage: python3 tools/set_up.py demo|test
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
STAMP = VENV / "set-up-done"
MINIMUM_PYTHON = (3, 10)
# PyPI's plain torch brings several GB of CUDA libraries on Linux; set COVIDMTL_TORCH=gpu to get them.
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"

BUILD_TOOLS = ("setuptools", "wheel", "cython", "versioneer", "numpy", "hatchling", "editables")

# Debian packages: what each is for. A machine that has them is not touched.
VENV_PACKAGES = {"python3-venv": "the virtual environment"}
BUILD_PACKAGES = {"gcc": "building pyradiomics", "python3-dev": "building pyradiomics"}
RENDER_PACKAGES = {
    "libegl1": "off-screen rendering",
    "libgl1": "rendering",
    "libgl1-mesa-dri": "rendering without a graphics card",
    "libosmesa6": "off-screen rendering without a display",
    "libglx-mesa0": "rendering under Xvfb",
    "libxrender1": "rendering",
    "libxcursor1": "rendering",
    "libxft2": "rendering",
    "libxinerama1": "rendering",
    "libgomp1": "LightGBM",
}
TEST_PACKAGES = {
    "git": "the wheel and clone tests",
    "xvfb": "module windows without a display",
    "libxkbcommon0": "Qt",
    "libxkbcommon-x11-0": "Qt",
    "libdbus-1-3": "Qt",
    "libfontconfig1": "Qt",
    "fonts-dejavu-core": "legible text in pictures",
    "libxcb-cursor0": "Qt",
    "libxcb-icccm4": "Qt",
    "libxcb-image0": "Qt",
    "libxcb-keysyms1": "Qt",
    "libxcb-render-util0": "Qt",
    "libxcb-shape0": "Qt",
    "libxcb-xinerama0": "Qt",
    "chromium": "looking at the report and the viewer in a browser",
}


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def missing_packages(names: list[str]) -> list[str]:
    """The Debian packages among ``names`` that are not installed; none where there is no dpkg to ask."""
    if shutil.which("dpkg-query") is None:
        return []
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names], capture_output=True, text=True
    )
    installed = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def install_system_packages(packages: dict[str, str], required: bool) -> None:
    """Install what is missing where the user may, else say which command does.

    Raises:
        SystemExit: A required package is missing and cannot be installed by this user.
    """
    missing = missing_packages(list(packages))
    if not missing:
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    allowed = os.geteuid() == 0 or (
        shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    )
    if allowed and shutil.which("apt-get"):
        say(f"installing system packages: {' '.join(missing)}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([*prefix, "apt-get", "update", "-qq"], env=environment)
        command = [*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL)
    still = missing_packages(missing)
    if still:
        reasons = "; ".join(f"{name} ({packages[name]})" for name in still)
        say(f"missing system packages: {reasons}")
        say(f"install them with:  sudo apt-get install -y {' '.join(still)}")
        if required:
            raise SystemExit(1)


def pip(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the environment's pip.

    Raises:
        SystemExit: It failed, and its message was not to be captured.
    """
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, text=True, capture_output=capture)
    if done.returncode and not capture:
        say("pip failed; its message stands above. Once that is mended (a network, a package index), call make again.")
        raise SystemExit(1)
    return done


def make_environment() -> None:
    """Make ``.venv`` unless it is there and works."""
    if PYTHON.exists() and subprocess.run([str(PYTHON), "-c", "import pip"], capture_output=True).returncode == 0:
        return
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        install_system_packages(VENV_PACKAGES, required=True)
    say(f"making {VENV}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)


def torch_requirement() -> list[str]:
    """Arguments for pip that give PyTorch's CPU build, wherever it comes from."""
    pinned = next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("torch=="))
    arguments = ["install", "-q", "-c", str(CONSTRAINTS), pinned]
    if os.environ.get("COVIDMTL_TORCH") == "gpu" or sys.platform != "linux":
        return arguments
    plan = pip("install", "-q", "--dry-run", "--ignore-installed", "--no-deps", "--report", "-", pinned, capture=True)
    try:
        url = json.loads(plan.stdout)["install"][0]["download_info"]["url"]
    except (ValueError, LookupError):
        url = ""
    local_cpu_build = url.startswith("file:") or "cpu" in url.rsplit("/", 1)[-1]
    return arguments if local_cpu_build else [*arguments, "--extra-index-url", CPU_TORCH_INDEX]


def install_project(extras: str) -> None:
    """Install PyTorch, the project (editable) and pyradiomics."""
    say("installing Python packages (a few minutes the first time)")
    pip("install", "-q", "-c", str(CONSTRAINTS), *BUILD_TOOLS)
    pip(*torch_requirement())
    pip("install", "-q", "--no-build-isolation", "-c", str(CONSTRAINTS), "-e", f"{ROOT}[{extras}]")
    install_system_packages(BUILD_PACKAGES, required=False)
    built = pip("install", "-q", "--no-build-isolation", "--no-deps", "pyradiomics==3.0.1", capture=True)
    pip("install", "-q", "-c", str(CONSTRAINTS), "PyWavelets", "pykwalify", "six")
    if built.returncode:
        say("pyradiomics could not be built; everything but the 375 lung features works without it:")
        say(built.stderr.strip().splitlines()[-1] if built.stderr.strip() else "no message")


def wanted_state(purpose: str) -> str:
    """What the stamp must hold for the environment to be current."""
    digest = hashlib.sha256(purpose.encode())
    for path in (CONSTRAINTS, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    digest.update(f"{sys.version_info[:2]} {ROOT}".encode())
    return digest.hexdigest()


def main(purpose: str) -> None:
    """Set up for ``demo`` or ``test``; what ``test`` needs includes the demo's."""
    if sys.version_info < MINIMUM_PYTHON:
        raise SystemExit(f"set-up: Python {sys.version.split()[0]} is too old; 3.10 or newer is needed.")
    states = {name: wanted_state(name) for name in ("demo", "test")}
    done = STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""
    if done in (states[purpose], states["test"]):
        return
    install_system_packages(RENDER_PACKAGES | (TEST_PACKAGES if purpose == "test" else {}), required=purpose == "test")
    make_environment()
    install_project("viewer,dicom,test,docs" if purpose == "test" else "viewer,dicom")
    STAMP.write_text(states[purpose])
    say("done")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("demo", "test"):
        raise SystemExit("usage: python3 tools/set_up.py demo|test")
    main(sys.argv[1])
