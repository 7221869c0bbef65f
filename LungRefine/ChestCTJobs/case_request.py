"""What to do with a scan, in the words of ``covidmtl run``: one for Slicer's module and the browser viewer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CaseRequest:
    """What ``covidmtl run`` is asked for.

    Attributes:
        lesions: Lesion method.
        lungs: Lung method.
        device: What networks run on.
        age: In years; None where unknown.
        sex: "female" or "male"; None where unknown.
        without: Parts of the case to leave out, see ``COVIDMTLLib.case_settings.PARTS``.
    """

    lesions: str
    lungs: str = "refined"
    device: str = "auto"
    age: float | None = None
    sex: str | None = None
    without: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """As arguments of the command."""
        found = ["--lungs", self.lungs, "--lesions", self.lesions, "--device", self.device]
        if self.age is not None:
            found += ["--age", f"{self.age:g}"]
        if self.sex is not None:
            found += ["--sex", self.sex]
        for part in self.without:
            found += ["--without", part]
        return found
