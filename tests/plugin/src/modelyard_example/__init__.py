"""A plugin package of somebody else's."""
