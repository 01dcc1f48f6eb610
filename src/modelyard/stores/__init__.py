"""Where the bytes of bundles rest, named by their digest; one file a kind of store.

A store keeps content whole or not at all, and never hands out bytes that are not what was put.
"""
