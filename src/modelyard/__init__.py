"""Modelyard: a trained model becomes one immutable bundle, proved, served and replaced."""

__version__ = "0.1.0"
