"""Python packages the engine needs: looked for on Apply, installed only with consent, never at start-up."""

from __future__ import annotations

import importlib
import logging
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from subprocess import CalledProcessError

import slicer

from ChestCTLib.errors import MissingDependencyError

logger = logging.getLogger(__name__)

ENGINE = {
    "numpy": "numpy>=1.26",
    "scipy": "scipy>=1.11",
    "skimage": "scikit-image>=0.22",
    "SimpleITK": "SimpleITK>=2.3",
    "pydicom": "pydicom>=2.4",
    "typer": "typer>=0.12",
    "rich": "rich>=13",
    "psutil": "psutil>=5.9",
}
"""What every command needs: import name -> requirement, as in pyproject.toml."""

LEARNING = {"monai": "monai>=1.4", "safetensors": "safetensors>=0.4"}
"""What networks need besides torch, which comes by way of the PyTorch extension."""

REPORT = {"jinja2": "jinja2>=3.1", "matplotlib": "matplotlib>=3.8", "PIL": "pillow>=10", "reportlab": "reportlab>=4.2"}
"""What the report of a whole case needs."""

RADIOMICS = "radiomics"
"""Import name of pyradiomics: nothing is ready to install for the Python of a present Slicer, and building it needs a
compiler. Slicer's extension “Radiomics” brings it."""

FEATURES = {
    "pandas": "pandas>=2.1",
    "sklearn": "scikit-learn>=1.4",
    "lightgbm": "lightgbm>=4.3",
    "statsmodels": "statsmodels>=0.14",
    "seaborn": "seaborn>=0.13",
}
"""What the lung features and their models need besides pyradiomics; a case stands without them, and says so."""

_refused: set[str] = set()  # what was offered in vain since the program started; it is not offered at every Apply


def missing(packages: dict[str, str]) -> list[str]:
    """The requirements among ``packages`` that are not installed, or too old."""
    return [requirement for name, requirement in packages.items() if not _is_there(name, requirement)]


def _is_there(name: str, requirement: str) -> bool:
    if find_spec(name) is None:
        return False
    distribution, _, least = requirement.partition(">=")
    try:
        return not least or _numbers(version(distribution)) >= _numbers(least)
    except PackageNotFoundError:  # came with the application, without a record of its version
        return True


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def ensure(packages: dict[str, str], requester: str) -> None:
    """Install what is missing, after asking.

    Args:
        packages: Import name -> requirement.
        requester: Name of the module that needs them, shown to the user.

    Raises:
        MissingDependencyError: Something is missing and was not installed: refused, failed, or in testing mode.
    """
    needed = missing(packages)
    if not needed:
        return
    why = ""
    if not slicer.app.testingEnabled():
        why = _install(needed, requester)
        importlib.invalidate_caches()
        needed = missing(packages)
    if needed:
        raise MissingDependencyError(
            f"{requester} needs Python packages that are not installed: {', '.join(needed)}.{why}",
            "Press Apply again and allow the installation, or install them in Slicer's Python console: "
            f"slicer.util.pip_install('{' '.join(needed)}')",
        )


def offer(packages: dict[str, str], requester: str) -> bool:
    """Offer once to install what is missing; the work goes on without it, so that refusing is no error.

    Returns:
        Whether everything is there.
    """
    needed = missing(packages)
    if _refused.issuperset(needed):
        return not needed
    try:
        ensure(packages, requester)
    except MissingDependencyError as error:
        logger.warning("%s", error)
        _refused.update(needed)
        return False
    return True


def offer_features(requester: str) -> bool:
    """Offer what the lung features need, where they can be had at all; returns whether everything is there."""
    if find_spec(RADIOMICS) is None:
        logger.warning(
            "Lung features are left out: they need pyradiomics. Install the extension “Radiomics” in the Extensions "
            "Manager and restart Slicer."
        )
        return False
    return offer(FEATURES, requester)


def ensure_torch(requester: str) -> None:
    """Install PyTorch by way of the PyTorch extension, after asking.

    Raises:
        MissingDependencyError: It is missing and was not installed.
    """
    if find_spec("torch") is not None:
        return
    try:
        import PyTorchUtils
    except ImportError:
        raise MissingDependencyError(
            f"{requester} needs PyTorch, and the extension “PyTorch” that installs it is not there.",
            "Install the extension “PyTorch” in the Extensions Manager, restart Slicer and press Apply again.",
        ) from None
    why = ""
    try:
        logic = None if slicer.app.testingEnabled() else PyTorchUtils.PyTorchUtilsLogic()
        torch = logic.installTorch(askConfirmation=True) if logic is not None else None
    except (RuntimeError, ValueError, OSError, CalledProcessError) as error:
        torch, why = None, f" ({error})"
    if torch is None:
        raise MissingDependencyError(
            f"{requester} needs PyTorch, which is not installed{why}.", "Press Apply again and allow the installation."
        )


def _install(needed: list[str], requester: str) -> str:
    """Install packages after asking; returns why that failed, as a sentence, or nothing."""
    try:
        _ask_and_install(needed, requester)
    except (RuntimeError, OSError, CalledProcessError) as error:  # refused, no network, or pip's own failure
        logger.warning("Installing %s failed: %s", ", ".join(needed), error)
        return f" ({error})"
    return ""


def _ask_and_install(needed: list[str], requester: str) -> None:
    try:
        from slicer import packaging
    except ImportError:
        packaging = None
    if packaging is not None and hasattr(packaging, "pip_ensure"):
        packaging.pip_ensure(needed, requester=requester)  # asks by itself
        return
    question = "{requester} needs these Python packages:\n\n{packages}\n\nInstall them from the internet now?"
    text = question.format(requester=requester, packages="\n".join(needed))
    if slicer.util.confirmOkCancelDisplay(text, windowTitle=requester):
        slicer.util.pip_install(" ".join(f'"{requirement}"' for requirement in needed))
