"""Adapters between MRML nodes and engine types; the scene is always an argument."""
