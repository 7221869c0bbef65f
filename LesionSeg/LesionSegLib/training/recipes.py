"""Recipes of the lesion networks: for two CPU cores, for an accelerator, for single pictures."""

from __future__ import annotations

from dataclasses import replace

from LesionSegLib.losses.deepsc import DeepSCLossSettings
from LesionSegLib.losses.multi_label import MultiLabelLossSettings
from LesionSegLib.networks.deepsc_covid import DeepSCSettings
from LesionSegLib.networks.multi_decoder import MultiDecoderSettings
from LesionSegLib.networks.reconstruction_mtl import ReconstructionMTLSettings
from LesionSegLib.training.augment import AugmentSettings
from LesionSegLib.training.train_deepsc import DeepSCTrainingSettings
from LesionSegLib.training.train_pictures import PictureTrainingSettings
from LesionSegLib.training.train_slices import SliceRecipe, SliceTrainingSettings

# About 20 s of processor time a round on one core.
CPU_RECIPE = SliceTrainingSettings(
    epochs=14,
    slices_per_epoch=320,
    single_repeats=2,
    batch=8,
    learning_rate=3e-3,
    average_decay=0.98,
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

# Single pictures: first volumes alone, where most of the labels are, then mostly pictures, each seen eight times a
# round. A picture counts by its own Dice, as it is scored. About half an hour on one core.
_SINGLE = replace(
    CPU_RECIPE,
    network=MultiDecoderSettings(widths=(32, 64, 128, 256)),
    loss=MultiLabelLossSettings(dice_per_slice=True, smooth=50.0),
)
SINGLE_SLICE_RECIPE = SliceRecipe(
    replace(_SINGLE, epochs=10, slices_per_epoch=120, single_repeats=8, learning_rate=1e-3, average_decay=0.99),
    volumes_first=replace(_SINGLE, epochs=40, slices_per_epoch=400, average_decay=0.995),
)

RECIPES = {
    "cpu": SliceRecipe(CPU_RECIPE),
    "accelerator": SliceRecipe(ACCELERATOR_RECIPE),
    "pictures": SINGLE_SLICE_RECIPE,
}

# The reconstruction multitask network and its baselines: the paper's numbers, and a tenth of its epochs for two cores.
# Half a thousand pictures from hundreds of sources: geometry and greys must vary, or the net learns sources by heart.
PAPER_PICTURES = PictureTrainingSettings()
CPU_PICTURES = PictureTrainingSettings(
    network=ReconstructionMTLSettings(width=0.125),
    epochs=18,
    patience=10,
    batch=16,
    learning_rate=1e-3,
    augmentation=AugmentSettings(flip=0.0, no_lungs=0.0, no_neighbours=0.0, mask_outside=0.0),
    weight_decay=1e-4,
    average_decay=0.97,
    bfloat16=True,
)
PICTURE_RECIPES = {"cpu": CPU_PICTURES, "accelerator": PAPER_PICTURES}
PICTURE_SIDES = {"cpu": 128, "accelerator": 256}  # pixels; 256 is the paper's
VOLUME_STEPS = {"cpu": 16, "accelerator": 4}  # of covid19_ct_seg every so many slices

# DeepSC-COVID on phantoms: an eighth of the width on a grid so coarse that a patch is the whole scan, and rates that
# learn in the few hundred steps two cores can take; the paper's patch and rates on an accelerator.
DEEPSC_CPU_GRID = (32, 48, 64)
DEEPSC_RECIPES = {
    "cpu": DeepSCTrainingSettings(
        network=DeepSCSettings(width=0.125, stitch=0.0),  # at 0.1 the lesions did not recover from the mix
        patch=DEEPSC_CPU_GRID,
        slices=DEEPSC_CPU_GRID[0],
        loss=DeepSCLossSettings(segmentation=5.0, stop_gradient=True),  # else the diagnosis bends the lesions
        first_epochs=12,
        second_epochs=6,
        first_rate=5e-3,
        classification_rate=1e-3,  # faster, it stays at chance
        second_rate=1e-3,
        mirror=0.5,
    ),
    "accelerator": DeepSCTrainingSettings(),
}
DEEPSC_GRIDS = {"cpu": DEEPSC_CPU_GRID, "accelerator": (96, 256, 256)}  # voxels of a scan, cropped to its lungs
