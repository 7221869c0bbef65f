"""Phantoms: chest CT volumes with known truth, deterministic by seed."""

from ChestCTLib.phantom.files import phantom_truth, write_phantom
from ChestCTLib.phantom.make import make_phantom
from ChestCTLib.phantom.settings import Diagnosis, Phantom, PhantomSettings

__all__ = ["Diagnosis", "Phantom", "PhantomSettings", "make_phantom", "phantom_truth", "write_phantom"]
