"""The browser viewer on a case: time to the first picture, pictures a second while scrolling, memory.

Usage: python Testing/benchmarks/bench_viewer.py CASE_DIR|SCAN

Starts `covidmtl view` and a headless Chromium, scrolls the axial view with the mouse wheel as a hand would, and counts
the pictures that reach the page. Prints the processor time beside the wall clock and how busy the machine was, because
both processes share the processor with whatever else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1280, "height": 800}
SCROLL_S = 8.0
WHEEL_STEP_MS = 30  # between two notches; faster than a hand turns a wheel
TURN_AFTER = 60  # notches one way, then back
LIMIT_MS = 300_000
COUNT = """() => {
  window.frames_seen = 0;
  const views = [...document.querySelectorAll('img')].filter((one) => one.clientWidth > 200);
  const axial = views.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top
    || a.getBoundingClientRect().left - b.getBoundingClientRect().left)[0];
  axial.addEventListener('load', () => { window.frames_seen += 1; });
  const box = axial.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}"""
SCROLL = """([x, y, step, turn]) => {
  const view = document.elementFromPoint(x, y);
  window.notches = 0;
  window.wheel = setInterval(() => {
    const deltaY = Math.floor(window.notches / turn) % 2 ? -120 : 120;
    window.notches += 1;
    view.dispatchEvent(new WheelEvent('wheel', { deltaY, clientX: x, clientY: y, bubbles: true, cancelable: true }));
  }, step);
}"""
HAS_PICTURE = """() => {
  const views = [...document.querySelectorAll('img')].filter((one) => one.clientWidth > 200 && one.naturalWidth > 50);
  if (views.length < 4) return false;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 64;
  const pen = canvas.getContext('2d');
  return views.every((view) => {
    pen.drawImage(view, 0, 0, 64, 64);
    const pixels = pen.getImageData(0, 0, 64, 64).data;
    let low = 255, high = 0;
    for (let at = 0; at < pixels.length; at += 4) {
      low = Math.min(low, pixels[at]);
      high = Math.max(high, pixels[at]);
    }
    return high - low > 60;
  });
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("opened", type=Path)
    opened = parser.parse_args().opened
    print(f"machine: {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    begun = time.perf_counter()
    command = [sys.executable, "-m", "COVIDMTLApp", "--progress", "json", "view", str(opened), "--port", "0"]
    viewer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        assert viewer.stdout is not None
        address = json.loads(viewer.stdout.readline())["result"]["address"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport=SIZE)
            page.goto(address, timeout=LIMIT_MS)
            page.wait_for_function(HAS_PICTURE, timeout=LIMIT_MS, polling=50)
            spent = sum(_cpu_s(process) for process in _processes(viewer.pid))
            wall = time.perf_counter() - begun
            print(f"first picture of all four views: {wall:.1f} s after the command ({spent:.1f} s of processor time)")
            page.wait_for_function(
                "!document.body.innerText.includes('Measuring') && !document.body.innerText.includes('Opening')",
                timeout=LIMIT_MS,
            )
            page.wait_for_timeout(3000)
            _scroll(page, viewer.pid)
            page.wait_for_timeout(1000)
            _memory(viewer.pid)
            browser.close()
    finally:
        viewer.send_signal(signal.SIGINT)
        viewer.wait(30)
    print(f"machine: load {os.getloadavg()[0]:.1f} at the end")


def _scroll(page: Page, pid: int) -> None:
    x, y = page.evaluate(COUNT)
    page.mouse.move(x, y)
    cpu = sum(_cpu_s(process) for process in _processes(pid))
    begun = time.perf_counter()
    page.evaluate(SCROLL, [x, y, WHEEL_STEP_MS, TURN_AFTER])  # in the page: an automated mouse waits for each frame
    page.wait_for_timeout(1000 * SCROLL_S)
    turns = page.evaluate("clearInterval(window.wheel), window.notches")
    wall = time.perf_counter() - begun
    frames = page.evaluate("window.frames_seen")
    cpu = sum(_cpu_s(process) for process in _processes(pid)) - cpu
    rate = frames / wall
    print(f"scrolling: {rate:.1f} pictures a second in the browser ({turns} notches, {frames} pictures, {wall:.1f} s)")
    print(f"           {1000 * cpu / max(frames, 1):.0f} ms of processor time a picture on the server's side")


def _memory(pid: int) -> None:
    total = 0.0
    for process in _processes(pid):
        with process.oneshot():
            size = process.memory_info().rss / 2**30
            name = " ".join(part for part in process.cmdline() if "COVIDMTL" in part or "ChestCT" in part)
        total += size
        print(f"memory: {size:.2f} GiB  {name or process.name()}")
    print(f"memory: {total:.2f} GiB in all")


def _processes(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    try:
        times: Any = process.cpu_times()
        return float(times.user + times.system)
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    main()
