"""Lesions inside given lungs: networks, losses, training, inference, HU bands and every measure of them."""
