"""Models on the 375 features: the paper's forests and network, and the shipped stacked models."""
