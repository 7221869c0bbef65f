"""Packages are installed on Apply, with consent, and never in a test."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from subprocess import CalledProcessError
from types import ModuleType
from typing import Any

import pytest
import slicer

from ChestCTLib.errors import MissingDependencyError

REPOSITORY = Path(__file__).resolve().parents[2]
ABSENT = {"surely_absent_package": "surely-absent-package>=1.0"}


@pytest.fixture
def dependencies(host: Any) -> Any:
    from ChestCTSlicer import dependencies

    return dependencies


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked to be installed by an older Slicer's ``slicer.util.pip_install``, outside testing mode."""
    taken: list[str] = []
    monkeypatch.setattr(slicer.util, "pip_install", taken.append)
    monkeypatch.setattr(slicer.app, "_testing", False)
    return taken


def test_the_versions_asked_for_are_those_of_the_project(dependencies: Any) -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in (*dependencies.ENGINE.values(), *dependencies.LEARNING.values()):
        assert f'"{requirement}"' in project


def test_nothing_is_asked_or_installed_when_all_is_there(host: Any, dependencies: Any, installed: list[str]) -> None:
    dependencies.ensure({"json": "json"}, "Lung Refine")
    assert installed == [] and host.messages.shown == []


def test_in_testing_mode_nothing_is_installed_and_the_error_says_how(dependencies: Any) -> None:
    with pytest.raises(MissingDependencyError, match="surely-absent-package") as caught:
        dependencies.ensure(ABSENT, "Lung Refine")
    assert "pip_install" in caught.value.remedy


def test_a_refusal_installs_nothing(host: Any, dependencies: Any, installed: list[str]) -> None:
    host.messages.answer = False
    with pytest.raises(MissingDependencyError):
        dependencies.ensure(ABSENT, "Lung Refine")
    assert installed == []
    assert host.messages.shown[-1][0] == "question" and "surely-absent-package" in host.messages.shown[-1][1]


def test_consent_installs_with_versions_quoted(host: Any, dependencies: Any, installed: list[str]) -> None:
    with pytest.raises(MissingDependencyError):  # the stand-in installs nothing, so it is still missing afterwards
        dependencies.ensure(ABSENT, "Lung Refine")
    assert installed == ['"surely-absent-package>=1.0"']


def test_a_newer_slicer_installs_by_its_packaging_module(
    dependencies: Any, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[Any, ...]] = []
    packaging: Any = ModuleType("slicer.packaging")
    packaging.pip_ensure = lambda requirements, requester=None: taken.append((requirements, requester))
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    with pytest.raises(MissingDependencyError):
        dependencies.ensure(ABSENT, "Lung Refine")
    assert taken == [(["surely-absent-package>=1.0"], "Lung Refine")] and installed == []


def test_a_package_that_is_too_old_is_missing(dependencies: Any) -> None:
    assert dependencies.missing({"numpy": "numpy>=1.26"}) == []
    assert dependencies.missing({"numpy": "numpy>=999.0"}) == ["numpy>=999.0"]


@pytest.mark.parametrize("failure", [RuntimeError("User declined"), CalledProcessError(1, "pip install")])
def test_a_failed_installation_says_so_and_is_offered_once(
    dependencies: Any, installed: list[str], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    asked: list[list[str]] = []

    def pip_ensure(requirements: list[str], requester: str | None = None) -> None:
        asked.append(requirements)
        raise failure  # as Slicer's own does

    packaging: Any = ModuleType("slicer.packaging")
    packaging.pip_ensure = pip_ensure
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    monkeypatch.setattr(dependencies, "_refused", set())
    with pytest.raises(MissingDependencyError, match=re.escape(str(failure))):
        dependencies.ensure(ABSENT, "Lung Refine")
    assert not dependencies.offer(ABSENT, "COVID-MTL") and not dependencies.offer(ABSENT, "COVID-MTL")
    assert len(asked) == 2


def test_features_are_not_offered_where_pyradiomics_cannot_be_had(
    dependencies: Any, installed: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dependencies, "RADIOMICS", "surely_absent_package")
    monkeypatch.setattr(dependencies, "FEATURES", ABSENT)
    assert not dependencies.offer_features("COVID-MTL")
    assert installed == [] and "Extensions Manager" in caplog.text


def test_torch_without_the_pytorch_extension_says_how_to_get_it(
    dependencies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(MissingDependencyError, match="PyTorch") as caught:
        dependencies.ensure_torch("LesionSeg")
    assert "Extensions Manager" in caught.value.remedy
