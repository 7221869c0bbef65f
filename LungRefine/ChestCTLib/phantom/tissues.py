"""Densities of the tissues a phantom is painted with, HU without contrast agent."""

AIR_HU = -1000.0
FAT_HU = -100.0
MUSCLE_HU = 52.0
BLOOD_HU = 42.0
LIVER_HU = 58.0
SKIN_HU = 20.0
