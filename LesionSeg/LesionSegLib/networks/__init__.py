"""Networks of the published systems: DeepSC-COVID, reconstruction multitask, multi-decoder, and their baselines."""
