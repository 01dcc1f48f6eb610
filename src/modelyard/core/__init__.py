"""The nouns of Modelyard and the rules between them: values without any I/O.

Everything above agrees on these; nothing here opens a file, a socket or another room.
"""
