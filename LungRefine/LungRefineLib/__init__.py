"""Lungs from a chest CT without any weights: classical, snake and refined segmentation, airway, side split."""
