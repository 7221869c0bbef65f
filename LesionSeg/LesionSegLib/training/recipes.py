"""Recipes of the shipped lesion network: one for two CPU cores, one for an accelerator."""

from __future__ import annotations

from dataclasses import replace

from LesionSegLib.networks.multi_decoder import MultiDecoderSettings
from LesionSegLib.training.augment import AugmentSettings
from LesionSegLib.training.train_slices import SliceTrainingSettings

# About 15 s of processor time a round on one core with bfloat16: four minutes a training, undisturbed.
CPU_RECIPE = SliceTrainingSettings(
    epochs=14, slices_per_epoch=320, single_repeats=2, batch=8, learning_rate=3e-3, average_decay=0.98
)

# Twice the width, every slice in every round, and longer, with stronger changes against learning slices by heart.
ACCELERATOR_RECIPE = replace(
    CPU_RECIPE,
    network=MultiDecoderSettings(widths=(48, 96, 160, 256)),
    augmentation=AugmentSettings(rotation_deg=20.0, scale=0.25, gamma=0.55, contrast=0.3, noise=0.08),
    epochs=60,
    slices_per_epoch=2000,
    single_repeats=4,
    batch=16,
    learning_rate=2e-3,
    average_decay=0.998,
)

# On single slices with classes alone (medseg100), from a network that knows infections already.
FINE_TUNING = replace(
    CPU_RECIPE, epochs=30, slices_per_epoch=0, single_repeats=2, learning_rate=1e-3, average_decay=0.95
)

RECIPES = {"cpu": CPU_RECIPE, "accelerator": ACCELERATOR_RECIPE, "fine-tuning": FINE_TUNING}
