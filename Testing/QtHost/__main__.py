"""``python -m QtHost LungRefine``: the module in the host's window, on a desktop or, with a picture wanted, off it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ChestCTLib.io import read_volume
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTMRML.displays import set_views, show_lung_window
from ChestCTMRML.volumes import add_volume
from QtHost.window import Host

RUN_LIMIT_S = 900.0


def main() -> None:
    """Open a module with a phantom or a scan; with ``--screenshot``, apply, save a picture and end."""
    parser = argparse.ArgumentParser(prog="QtHost", description="The Slicer modules in a small window without Slicer.")
    parser.add_argument("module", choices=["LungRefine", "LesionSeg", "COVIDMTL"])
    parser.add_argument("--scan", type=Path, help="DICOM folder, NIfTI or NRRD; a phantom without it")
    parser.add_argument("--size", default="1280x800", help="window size, pixels")
    parser.add_argument("--screenshot", type=Path, help="press Apply, wait, save a picture of the window and end")
    parser.add_argument("--compare", action="store_true", help="take the picture in the layout side by side")
    choice = parser.parse_args()
    width, height = (int(part) for part in choice.size.split("x"))
    host = Host(testing=choice.screenshot is not None, size=(width, height))
    volume = read_volume(choice.scan) if choice.scan else make_phantom(PhantomSettings()).volume
    node = add_volume(host.scene, volume, choice.scan.name.split(".")[0] if choice.scan else "COVID-19 chest phantom")
    show_lung_window(node)
    set_views(host.scene, node)
    widget = host.open_module(choice.module)
    if choice.screenshot is None:
        host.qt.exec()
        host.close_module()
        return
    widget.onApply()
    host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    host.wait_for(lambda: not getattr(widget, "measuring", False), RUN_LIMIT_S)
    if choice.compare:
        widget.onCompare()
    host.screenshot(choice.screenshot)
    host.close_module()


if __name__ == "__main__":
    main()
