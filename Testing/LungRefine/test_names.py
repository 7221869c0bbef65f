"""Every name of Slicer, Qt and CTK that the modules and the host's stand-ins use is a name that Slicer has."""

from __future__ import annotations

import inspect
from typing import Any

import pytest


@pytest.fixture(scope="module")
def names(host_of_session: Any) -> Any:
    from QtHost import used_names

    return used_names


@pytest.fixture(scope="module")
def api(names: Any) -> Any:
    folder = names.api_folder()
    if not folder.is_dir():
        pytest.skip(f"the lists of a running Slicer are not here: {folder} (set COVIDMTL_SLICER_API)")
    return names.Api(folder)


def test_the_modules_rely_on_no_name_that_is_not_written_down(names: Any) -> None:
    written = names.read_names()
    for key, used in names.used_names().items():
        assert set(used) <= set(written.get(key, [])), f"{key}: run python -m QtHost.used_names in Testing"


def test_every_name_written_down_is_one_of_a_running_slicer(names: Any, api: Any) -> None:
    assert names.unknown_names(names.read_names(), api) == []


def test_the_reader_finds_names_and_notices_a_wrong_one(names: Any, api: Any) -> None:
    used = names.used_names()
    assert "setMRMLTableNode" in used["qMRMLTableView"] and "toolTip" in used["qMRMLNodeComboBox"]
    assert "defaultSectionSize" in used["QHeaderView"] and "errorDisplay" in used["slicer.util"]
    wrong = {"qMRMLNodeComboBox": ["setCurrentNodes"], "slicer.util": ["errorBox"], "qt": ["QPushBottom"]}
    assert len(names.unknown_names(wrong, api)) == 3


def test_stand_ins_offer_only_names_that_slicers_classes_have(api: Any) -> None:
    from QtHost import widgets

    for name in widgets.__all__:
        offered = {item for item in vars(getattr(widgets, name)) if not item.startswith("_")}
        known = api.names_of(name) | {"staticMetaObject"}
        assert offered <= known, f"{name}: {sorted(offered - known)}"


def test_the_application_and_layout_manager_stand_ins_do_too(api: Any) -> None:
    from QtHost.application import Application
    from QtHost.layout import LayoutManager

    for stand_in, key in ((Application, "slicer.app"), (LayoutManager, "qSlicerLayoutManager")):
        own = {"staticMetaObject", "host_views"}
        offered = {item for item in vars(stand_in) if not item.startswith("_")} - own
        assert offered <= api.names_of(key), f"{key}: {sorted(offered - api.names_of(key))}"


def test_stand_ins_for_python_modules_have_slicers_signatures(api: Any) -> None:
    from QtHost import scripted

    known = api.names_of("slicer.ScriptedLoadableModule")
    classes = {name for name, item in vars(scripted).items() if inspect.isclass(item) and name.startswith("Scripted")}
    assert classes <= known
