"""Checks that a bundle must pass before it may be promoted: one file, one gate.

A gate's fields are its thresholds, written in ``modelyard.toml`` under ``[gates.<name>]``.
"""
