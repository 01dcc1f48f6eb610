"""ONNX graphs: pieces that the flavors put together, written node by node.

Exact where ONNX can be; what a piece cannot carry over it refuses with ExportError.
"""
