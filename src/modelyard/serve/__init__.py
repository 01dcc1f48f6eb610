"""The data plane: bundles answer requests, and change under load without a failed one.

``plane`` decides, ``rest`` translates, ``keeper`` follows the route; the only importer of granian.
"""
