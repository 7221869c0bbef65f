"""Training of the networks: cases, augmentation, the loop, transfer, recipes and export."""
