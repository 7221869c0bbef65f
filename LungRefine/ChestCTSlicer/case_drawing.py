"""Overlays and plots of a case's lesions, drawn from what the measuring process finds; free of Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ChestCTJobs.job import Failure
from ChestCTJobs.lesion_results import show_measured
from ChestCTJobs.measure_service import Measured, MeasureService

PERIPHERAL_MM = 10.0  # as in the report


class CaseDrawing:
    """Draws one case and ends its process; somebody polls it as long as it is busy.

    Args:
        on_drawn: Called when all overlays are in the scene.
        on_failed: Called when they cannot be drawn; the case's numbers stand without them.
    """

    def __init__(self, on_drawn: Callable[[], None], on_failed: Callable[[Failure], None]) -> None:
        self._on_drawn, self._on_failed = on_drawn, on_failed
        self._service: MeasureService | None = None
        self._waiting: list[Measured] = []
        self._steps: Iterator[None] | None = None
        self._last = False
        self._scene: Any = None

    @property
    def busy(self) -> bool:
        """Whether there is more to draw."""
        return self._service is not None

    @property
    def volume(self) -> Any:
        """The CT whose lesions are being drawn."""
        return self._service.volume_node if self._service is not None else None

    def start(self, scene: Any, volume: Any, lungs: Any, lesions: Any, source: str) -> None:
        """Begin with a case; an unfinished one is dropped."""
        self.close()
        self._scene = scene
        self._service = MeasureService(volume, lungs, self._waiting.append, self._fail)
        self._service.request(lesions, PERIPHERAL_MM, source)

    def poll(self) -> bool:
        """Do one short step; returns whether there is more to do."""
        if self._service is None:
            return False
        if self._steps is not None:
            if next(self._steps, self) is self:
                self._steps = None
                if self._last:
                    self.close()
                    self._on_drawn()
            return self.busy
        if self._waiting:
            measured = self._waiting.pop(0)
            self._last = measured.drawn is not None
            self._steps = show_measured(self._scene, self._service.volume_node, measured, PERIPHERAL_MM)
            return True
        self._service.poll()
        return self.busy

    def close(self) -> None:
        """End the process; what is drawn stays."""
        service, self._service = self._service, None
        self._steps, self._last = None, False
        self._waiting = []
        if service is not None:
            service.close()

    def _fail(self, failure: Failure) -> None:
        self.close()
        self._on_failed(failure)
