"""From a bundle to a Predictor that answers: numpy, onnxruntime and msgspec, nothing else.

This room ships unchanged inside every deployment target, so it imports no framework and no app.
"""

from __future__ import annotations

from modelyard.runtime.predictor import Predictor, load

__all__ = ["Predictor", "load"]
