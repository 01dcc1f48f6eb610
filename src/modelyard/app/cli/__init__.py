"""The command ``modelyard``: one file a verb.

A verb's file is imported only when it is asked for, so that every verb starts fast.
"""
