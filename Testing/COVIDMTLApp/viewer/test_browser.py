"""The viewer in a real browser, as a reader of scans uses it: one tab from the scan to the corrected report.

The tests build on each other: opening, a bad file, a cancelled run, a run, overlays, corrections, files to take home.
"""

from __future__ import annotations

import io
import re
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FloatRect, Page, expect

from ChestCTLib.case_report import RESEARCH_NOTICE

pytestmark = pytest.mark.slow

SIZE = {"width": 1280, "height": 800}
RUN_MS = 480_000
WAIT_MS = 180_000  # machines of continuous integration are shared
AXIAL, THREE_D = 0, 1  # places of the views in the page
SETTLED_MS = 1500  # a view that changed nothing for so long is at rest
MEASURING_MS = 450  # after an edit its measuring has begun, and has not ended
EDGE = 40  # pixels of a view that are left out, where letters and slider stand
CHANGED = 12  # grey values: far above what JPEG does to a still picture
Pixels = npt.NDArray[np.int16]


@pytest.fixture(scope="module")
def address(running_viewer: Callable[..., AbstractContextManager[str]], phantom_scan: Path) -> Iterator[str]:
    with running_viewer(str(phantom_scan)) as url:
        yield url


@pytest.fixture(scope="module")
def browsing(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=SIZE, accept_downloads=True)
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def requests() -> list[str]:
    return []


@pytest.fixture(scope="module")
def tab(browsing: BrowserContext, address: str, requests: list[str]) -> Page:
    page = browsing.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket: requests.append(socket.url))
    page.goto(address)
    return page


def wait_until(true: Callable[[], bool], what: str, page: Page) -> None:
    deadline = time.monotonic() + WAIT_MS / 1000
    while not true():
        assert time.monotonic() < deadline, what
        page.wait_for_timeout(100)


def view_boxes(page: Page) -> list[FloatRect]:
    """Where the four views are, row by row."""
    boxes = [box for box in (one.bounding_box() for one in page.locator("img").all()) if box and box["width"] > 150]
    return sorted(boxes, key=lambda box: (round(box["y"]), round(box["x"])))


def picture(page: Page, place: int) -> Pixels:
    """The pixels of a view as the user sees them, without what is drawn over its edges."""
    wait_until(lambda: len(view_boxes(page)) == 4, "there are no four views", page)
    box = view_boxes(page)[place]
    clip: FloatRect = {
        "x": box["x"] + EDGE,
        "y": box["y"] + EDGE,
        "width": box["width"] - 2 * EDGE,
        "height": box["height"] - 2 * EDGE - 10,
    }
    with Image.open(io.BytesIO(page.screenshot(clip=clip))) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def share_changed(before: Pixels, after: Pixels) -> float:
    return float((np.abs(after - before).max(axis=2) > CHANGED).mean())


def wait_for_change(page: Page, place: int, before: Pixels, share: float) -> Pixels:
    wait_until(lambda: share_changed(before, picture(page, place)) > share, "the view does not change", page)
    return picture(page, place)


def settled_picture(page: Page, place: int) -> Pixels:
    """The pixels of a view once it no longer changes: pictures asked for earlier may still arrive on a busy machine."""
    pictures = [picture(page, place)]

    def still() -> bool:
        page.wait_for_timeout(SETTLED_MS)
        pictures.append(picture(page, place))
        return share_changed(pictures[-2], pictures[-1]) == 0

    wait_until(still, "the view does not come to rest", page)
    return pictures[-1]


def go_to_panel(page: Page, name: str) -> None:
    page.click(f".tab-{name}")


def choose(page: Page, control: str, entry: str) -> None:
    page.click(f".{control}:visible")
    page.locator(".v-overlay--active .v-list-item", has_text=entry).first.click()
    expect(page.locator(".v-overlay--active .v-list-item")).to_have_count(0)


def measured(page: Page, label: str) -> float:
    go_to_panel(page, "findings")
    expect(page.locator(".finding:visible")).not_to_contain_text("Measuring")
    row = page.locator(".numbers tr", has_text=label).first
    return float(row.locator("td").nth(1).inner_text())


def test_the_scan_of_the_command_line_shows_in_all_four_views(tab: Page) -> None:
    expect(tab.locator(".case-title")).to_have_text("ct.nii.gz")
    for place in (0, 2, 3):
        wait_until(lambda place=place: bool(np.ptp(picture(tab, place)) > 150), f"view {place} is empty", tab)  # type: ignore[misc]
    expect(tab.locator(".notice").last).to_have_text(RESEARCH_NOTICE)


def test_planes_have_a_ruler_and_the_3d_view_a_cube(tab: Page) -> None:
    for place, left, below, width, height in ((AXIAL, 0.35, 14, 0.3, 14), (THREE_D, 0.8, 60, 0.2, 60)):
        box = view_boxes(tab)[place]
        clip: FloatRect = {
            "x": box["x"] + left * box["width"],
            "y": box["y"] + box["height"] - below,
            "width": width * box["width"] - 1,
            "height": height - 1,
        }

        def has_scale(clip: FloatRect = clip) -> bool:
            with Image.open(io.BytesIO(tab.screenshot(clip=clip))) as image:
                return int((np.asarray(image.convert("L")) > 225).sum()) > 30

        wait_until(has_scale, f"view {place} has no scale", tab)


def test_wheel_and_arrow_keys_turn_slices_and_a_drag_sets_the_window(tab: Page) -> None:
    first = picture(tab, AXIAL)
    box = view_boxes(tab)[AXIAL]
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.move(*middle)
    tab.mouse.wheel(0, 120)
    tab.mouse.wheel(0, 120)
    second = wait_for_change(tab, AXIAL, first, 0.005)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    third = wait_for_change(tab, AXIAL, second, 0.005)
    go_to_panel(tab, "display")
    tab.click(".mouse-window")
    tab.mouse.move(*middle)
    tab.mouse.down()
    tab.mouse.move(middle[0] + 60, middle[1] + 60, steps=6)
    tab.mouse.up()
    wait_for_change(tab, AXIAL, third, 0.2)
    tab.click(".mouse-view")
    tab.click(".window-lung")
    go_to_panel(tab, "case")


def test_a_file_that_is_no_scan_is_refused_and_the_shown_scan_stays(tab: Page, tmp_path: Path) -> None:
    bad = tmp_path / "notes.nii.gz"
    bad.write_text("this is no scan")
    before = picture(tab, AXIAL)
    tab.set_input_files(".upload-input", bad)
    expect(tab.locator(".failure")).to_be_visible()
    assert share_changed(before, picture(tab, AXIAL)) < 0.01
    expect(tab.locator(".case-title")).to_have_text("ct.nii.gz")
    tab.locator(".failure button").click()


def test_a_zip_that_points_outside_is_refused(tab: Page, tmp_path: Path) -> None:
    bad = tmp_path / "study.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("../../outside.dcm", b"0")
    tab.set_input_files(".upload-input", bad)
    expect(tab.locator(".failure")).to_contain_text("points outside")
    tab.locator(".failure button").click()


def test_a_cancelled_run_leaves_nothing(tab: Page) -> None:
    choose(tab, "lesion-method", "HU bands")
    tab.click(".run-button")
    expect(tab.locator(".run-progress")).to_be_visible()
    tab.click(".cancel-button")
    expect(tab.locator(".run-note")).to_have_text("Cancelled; nothing was changed.")
    expect(tab.locator(".download-report-html")).to_have_class(re.compile("disabled"))
    expect(tab.locator(".run-button")).to_be_enabled()


def test_a_run_shows_lungs_and_lesions_over_the_scan(tab: Page) -> None:
    before = picture(tab, AXIAL)
    tab.click(".part-features input")
    tab.click(".part-intensity-map input")
    tab.click(".run-button")
    expect(tab.locator(".run-note")).to_have_text(re.compile("Done|Failed"), timeout=RUN_MS)
    assert tab.locator(".failure").all_text_contents() == []
    wait_for_change(tab, AXIAL, before, 0.01)
    assert measured(tab, "Lesion volume, both lungs") > 10


def test_every_probability_tells_what_its_model_learned_from(tab: Page) -> None:
    go_to_panel(tab, "findings")
    expect(tab.locator(".probability-notice")).to_have_text(RESEARCH_NOTICE)
    shown = tab.locator(".probability").all()
    assert len(shown) >= 3
    for one in shown:
        assert "learned from: " in one.inner_text()


def test_overlays_change_the_views(tab: Page) -> None:
    go_to_panel(tab, "display")
    shown = picture(tab, AXIAL)
    choose(tab, "lesions-style", "Hidden")
    hidden = wait_for_change(tab, AXIAL, shown, 0.003)
    choose(tab, "cam-task", "radiology")
    wait_for_change(tab, AXIAL, hidden, 0.01)
    choose(tab, "cam-task", "None")
    choose(tab, "lesions-style", "Both")
    solid = picture(tab, THREE_D)
    tab.click(".switch-show_shell input")
    shell = wait_for_change(tab, THREE_D, solid, 0.01)
    tab.click(".switch-show_map input")
    wait_for_change(tab, THREE_D, shell, 0.01)
    tab.click(".switch-show_map input")


def test_the_thickness_moves_ratio_plot_and_shell(tab: Page) -> None:
    go_to_panel(tab, "findings")
    expect(tab.locator(".ratio:visible")).to_contain_text("%")
    ratio, plot = tab.locator(".ratio:visible").inner_text(), tab.locator(".plot").inner_html()
    slider = tab.locator(".slider-thickness:visible [role=slider]")
    slider.focus()
    for _ in range(12):
        slider.press("ArrowRight")
    expect(tab.locator(".ratio:visible")).not_to_have_text(ratio)
    wait_until(lambda: tab.locator(".plot").inner_html() != plot, "the plot does not follow", tab)
    wait_until(lambda: "outer 22 mm" in tab.locator(".numbers").inner_text(), "the table does not follow", tab)


def test_a_click_on_a_lesion_goes_there(tab: Page) -> None:
    go_to_panel(tab, "findings")
    choose(tab, "table-choice", "Single lesions")
    rows = tab.locator(".numbers tr.goes")
    expect(rows.nth(1)).to_be_visible()
    before = picture(tab, AXIAL)
    rows.last.click()
    wait_for_change(tab, AXIAL, before, 0.005)
    choose(tab, "table-choice", "All measures")


def test_erasing_a_lesion_changes_the_numbers_and_undo_brings_them_back(tab: Page) -> None:
    go_to_panel(tab, "display")
    tab.click(".fit")
    volume = measured(tab, "Lesion volume, both lungs")
    go_to_panel(tab, "correct")
    tab.click(".tool-erase")
    before = settled_picture(tab, AXIAL)
    where = _lesion_in_view(tab, before)
    tab.mouse.move(*where)
    wait_for_change(tab, AXIAL, before, 0.0001)  # the brush is there
    tab.mouse.down()
    tab.mouse.move(where[0] + 6, where[1] + 6, steps=3)
    tab.mouse.up()
    expect(tab.locator(".undo")).to_be_enabled()
    corrected = measured(tab, "Lesion volume, both lungs")
    assert corrected < volume
    expect(tab.locator(".finding:visible")).to_contain_text("corrected by hand")
    go_to_panel(tab, "correct")
    tab.click(".undo")
    expect(tab.locator(".undo")).to_be_disabled()
    assert measured(tab, "Lesion volume, both lungs") == volume
    go_to_panel(tab, "correct")
    for button, other in ((".redo", ".undo"), (".undo", ".redo"), (".redo", ".undo")):
        tab.click(button)
        expect(tab.locator(other)).to_be_enabled()
        tab.wait_for_timeout(MEASURING_MS)  # the next edit comes while this one is measured
    assert measured(tab, "Lesion volume, both lungs") == corrected  # of the last edit, whatever was under way
    go_to_panel(tab, "correct")
    tab.click(".tool-none")


def _lesion_in_view(page: Page, pixels: Pixels) -> tuple[float, float]:
    """A place in the page where these pixels of the axial view show ground glass, which is yellow."""
    yellow = (pixels[..., 0] - pixels[..., 2] > 60) & (pixels[..., 1] - pixels[..., 2] > 30)
    assert yellow.any(), "no lesion in the axial view"
    rows, columns = np.nonzero(yellow)
    middle = int(np.argmin((rows - np.median(rows)) ** 2 + (columns - np.median(columns)) ** 2))
    box = view_boxes(page)[AXIAL]
    return box["x"] + EDGE + float(columns[middle]), box["y"] + EDGE + float(rows[middle])


@pytest.fixture(scope="module")
def case_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the scene of the corrected case is put."""
    return tmp_path_factory.mktemp("scene") / "corrected.mrb"


def test_report_and_scene_hold_the_correction(tab: Page, case_scene: Path, tmp_path: Path) -> None:
    volume = measured(tab, "Lesion volume, both lungs")
    go_to_panel(tab, "case")
    files = {}
    for name in ("report-html", "report-pdf", "scene-mrb"):
        with tab.expect_download() as waiting:
            tab.click(f".download-{name}")
        files[name] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[name])
    text = files["report-html"].read_text(encoding="utf-8")
    assert "corrected by hand" in text and f"{volume:.1f}" in text
    assert files["report-pdf"].read_bytes().startswith(b"%PDF")
    with zipfile.ZipFile(files["scene-mrb"]) as scene:
        assert any(name.endswith(".mrml") for name in scene.namelist())
    shutil.copy(files["scene-mrb"], case_scene)


def test_a_scene_by_itself_gives_the_report_with_its_pictures(
    browsing: BrowserContext, address: str, case_scene: Path
) -> None:
    page = browsing.new_page()
    page.goto(address)
    expect(page.locator(".case-title")).to_have_text("ct.nii.gz")
    page.fill(".open-path input", str(case_scene))
    page.click(".open-button")
    expect(page.locator(".case-title")).to_have_text(case_scene.name)
    with page.expect_download() as waiting:
        page.click(".download-report-html")
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,iVBOR") >= 3
    page.close()


def test_a_reload_shows_the_same_case(tab: Page) -> None:
    volume = measured(tab, "Lesion volume, both lungs")
    tab.reload()
    wait_until(lambda: bool(np.ptp(picture(tab, AXIAL)) > 150), "no picture after a reload", tab)
    assert measured(tab, "Lesion volume, both lungs") == volume


def test_another_tab_has_a_scene_of_its_own(tab: Page, browsing: BrowserContext, address: str) -> None:
    other = browsing.new_page()
    other.goto(address)
    expect(other.locator(".case-title")).to_have_text("ct.nii.gz")
    go_to_panel(other, "findings")
    expect(other.get_by_text("Open a case or run a scan first.").first).to_be_visible()
    assert measured(tab, "Lesion volume, both lungs") > 0
    assert urlsplit(other.url).path != urlsplit(tab.url).path
    other.close()


def test_nothing_is_asked_of_any_other_machine(tab: Page, address: str, requests: list[str]) -> None:
    home = urlsplit(address).netloc
    assert len(requests) > 10
    away = [url for url in requests if urlsplit(url).netloc != home and not url.startswith(("data:", "blob:"))]
    assert away == []
