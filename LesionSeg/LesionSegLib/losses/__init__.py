"""Losses of the published systems; every one states what happens where a label is missing."""
