"""Training of the lesion networks on labelled slices and on phantoms."""
