"""One file a framework: how its fitted model becomes the model files of a bundle.

A flavor offers candidates, best first; the first that gives the original's answers is kept.
"""
