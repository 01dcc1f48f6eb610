"""A model and everything needed to run and judge it, as one verifiable directory.

Opening and verifying (``opened``, ``verify``) need nothing but msgspec and numpy and execute
nothing; packing (``packing``) also writes the documents: card, bill of materials, lock.
"""
