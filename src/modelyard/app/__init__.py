"""The composition root: settings, wiring and the verbs, in Python and on the command line.

Everything below takes what it needs as arguments; only here is it decided what they get.
"""
