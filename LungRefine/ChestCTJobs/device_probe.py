"""What networks could run on here: asked in a process of its own, for importing torch takes seconds."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ChestCTJobs.job import interpreter, own_group, signal_group

QUESTION = """
import json, os
try:
    import torch
except ImportError:
    print(json.dumps({"torch": None}))
else:
    found = {"torch": torch.__version__, "cores": os.cpu_count(), "gpu": None}
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        found.update(gpu=gpu.name, memory_gib=gpu.total_memory / 2**30)
    print(json.dumps(found))
"""


class DeviceProbe:
    """Finds out what there is, once a program; poll it until :attr:`text` is known.

    Attributes:
        text: What was found, for people; empty while it is not known.
        has_gpu: Whether there is a device for CUDA.
    """

    _known: dict[str, Any] | None = None

    def __init__(self) -> None:
        self.text = ""
        self.has_gpu = False
        self._process: subprocess.Popen[str] | None = None
        if DeviceProbe._known is not None:
            self._take(DeviceProbe._known)
            return
        self._process = subprocess.Popen(
            [interpreter(), "-c", QUESTION],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            **own_group(),
        )

    def poll(self) -> bool:
        """Look whether the answer is there; returns whether there is more to do."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        lines = self._process.communicate()[0].splitlines()
        self._process = None
        try:
            self._take(json.loads(lines[-1]))
        except (IndexError, ValueError):
            self.text = "Found: n/a, PyTorch could not be asked."
        return False

    def close(self) -> None:
        """End the question."""
        process, self._process = self._process, None
        if process is not None:
            signal_group(process, hard=True)
            process.communicate()

    def _take(self, found: dict[str, Any]) -> None:
        DeviceProbe._known = found
        self.has_gpu = bool(found.get("gpu"))
        if found["torch"] is None:
            self.text = "Found: no PyTorch; networks need it, HU bands do not."
        elif self.has_gpu:
            self.text = f"Found: {found['gpu']} with {found['memory_gib']:.0f} GiB."
        else:
            self.text = f"Found: no GPU that PyTorch {found['torch']} can use; {found['cores']} processor cores."
