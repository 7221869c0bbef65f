"""Opening and running: a scan, a case or a scene into the session, the whole case in a child process."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from trame.app import asynchronous

from ChestCTJobs.case_request import CaseRequest
from ChestCTJobs.job import Job, JobState
from ChestCTLib.errors import ChestCTError, InputError
from ChestCTLib.models import list_models
from COVIDMTLApp.viewer.context import SessionContext
from COVIDMTLApp.viewer.inputs import InputKind, ViewerInput, viewer_input
from COVIDMTLApp.viewer.run_work import run_work
from COVIDMTLApp.viewer.scene import CaseNodes, show_scan, show_scene
from COVIDMTLLib.case_settings import PARTS

logger = logging.getLogger(__name__)

POLL_S = 0.03
PERCENT = 100
HU_BANDS = "hu-bands"
NO_SEX = "not given"


class CaseLogic:
    """Opens and runs cases.

    Args:
        context: The session.
        root: Folder whose files may be opened by path; None allows any.
    """

    def __init__(self, context: SessionContext, root: Path | None) -> None:
        self._context, self._root = context, root
        self._job: Job | None = None
        self._opening = asyncio.Lock()
        networks = [{"title": card.title, "value": card.id} for card in list_models("lesions")]
        context.state.update(
            {
                "error": None,
                "busy": "",
                "case_title": "",
                "has_volume": False,
                "has_results": False,
                "running": False,
                "run_percent": 0,
                "run_step": "",
                "open_path": "",
                "lesion_methods": [*networks, {"title": "HU bands (no learned weights)", "value": HU_BANDS}],
                "lesion_method": networks[0]["value"] if networks else HU_BANDS,
                "run_parts": list(PARTS),
                "run_age": "",
                "run_sex": NO_SEX,
                "sexes": [NO_SEX, "female", "male"],
                "run_note": "",
            }
        )
        context.on_case(shown=self._on_case)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._job is not None

    async def open_path(self, path: str) -> bool:
        """Open what the user named on this machine; returns whether it worked."""
        try:
            return await self.open(viewer_input(path, self._root))
        except ChestCTError as error:
            self._context.show_error(error.problem, error.remedy)
            return False

    async def open(self, source: ViewerInput, title: str = "") -> bool:
        """Open a scan, a case or a scene; what was shown before stays if it fails.

        Args:
            source: What to open.
            title: Name shown for it; its own name when not given.
        """
        if self.running:
            self._context.show_error("A run is under way.", "Wait for it, or cancel it first.")
            return False
        async with self._opening:
            await self._say("Opening ...")
            try:
                await self._open(source)
            except ChestCTError as error:
                self._context.show_error(error.problem, error.remedy)
                return False
            except MemoryError:
                self._context.show_error("The computer ran out of memory.", "Choose a coarser series.")
                return False
            finally:
                await self._say("")
            with self._context.state as state:
                state.case_title = title or source.path.name
                state.error = None
            return True

    async def _open(self, source: ViewerInput) -> None:
        if source.kind is InputKind.scan:
            from ChestCTLib.io.reader import read_volume

            volume = await asyncio.to_thread(read_volume, source.path)
            self._context.leave_case()
            self._context.show_case(show_scan(self._context.scene, volume))
        else:
            self._show_results(source)

    def _show_results(self, source: ViewerInput) -> None:
        self._context.leave_case()
        try:
            nodes = show_scene(self._context.scene, source.scene)
        except InputError:
            self._context.scene.Clear(False)
            self._context.show_case(CaseNodes())
            raise
        self._context.show_case(nodes, source.path if source.kind is InputKind.case else None)

    async def _say(self, text: str) -> None:
        with self._context.state as state:
            state.busy = text
        await asyncio.sleep(0.05)  # the browser shows it before this process is busy

    def run(self) -> None:
        """Start the whole case on the shown scan."""
        volume = self._context.nodes.volume
        if volume is None or self.running:
            return
        try:
            request = self._request()
        except InputError as error:
            self._context.show_error(error.problem, error.remedy)
            return
        kept = self._context.folder / "case"
        self._job = Job(run_work(volume, request, kept, lambda: self._show_run(kept)))
        self._context.state.update({"running": True, "error": None, "run_note": ""})
        self._job.start()
        asynchronous.create_task(self._follow(self._job))

    def cancel(self) -> None:
        """Stop the run; nothing is changed."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """End at once."""
        job, self._job = self._job, None
        if job is not None:
            job.close()

    def _request(self) -> CaseRequest:
        state = self._context.state
        text = str(state.run_age or "").strip()
        try:
            age = float(text) if text else None
        except ValueError:
            raise InputError(f"The age is “{text}”.", "Give it in years, or leave it empty.") from None
        sex = None if state.run_sex == NO_SEX else state.run_sex
        without = tuple(part for part in PARTS if part not in state.run_parts)
        return CaseRequest(state.lesion_method, age=age, sex=sex, without=without)

    async def _follow(self, job: Job) -> None:
        while job.poll():
            self._show_progress(job)
            await asyncio.sleep(POLL_S)
        self._job = None
        notes = {JobState.done: "Done.", JobState.cancelled: "Cancelled; nothing was changed."}
        with self._context.state as state:
            state.running, state.run_note = False, notes.get(job.state, "Failed.")
        if job.failure is not None:
            self._context.show_error(job.failure.problem, job.failure.remedy, job.failure.details)

    def _show_progress(self, job: Job) -> None:
        percent = int(PERCENT * job.fraction)
        state = self._context.state
        if (percent, job.step) != (state.run_percent, state.run_step):
            with state:
                state.run_percent, state.run_step = percent, job.step

    def _show_run(self, kept: Path) -> None:
        self._show_results(viewer_input(kept))

    def _on_case(self) -> None:
        nodes = self._context.nodes
        values: dict[str, Any] = {"has_volume": nodes.volume is not None, "has_results": nodes.has_results}
        self._context.state.update(values)
