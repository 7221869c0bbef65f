"""Intensity map of a scan (Algorithm 1 of the paper), its decomposition, its classifiers and their training."""
