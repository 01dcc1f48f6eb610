"""What computes predictions from a bundle's model file: one file, one engine.

The file's name is what a manifest writes as its ``runtime``.
"""
