"""Demand of every store for every brand, two and three weeks ahead.

From the chain's raw table to features, models, their evaluation on a published protocol, and
the life of the served model.
"""
