"""Reading and writing: scans, label maps, pictures of slices; every output whole or not at all."""

from ChestCTLib.io.images import write_image
from ChestCTLib.io.labels import read_labels, write_labels
from ChestCTLib.io.reader import read_volume

__all__ = ["read_labels", "read_volume", "write_image", "write_labels"]
