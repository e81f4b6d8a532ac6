"""Trained networks in ONNX: one file that other runtimes run; needs the extra ``export``."""

SUFFIX = ".onnx"
"""What the names of such files end with."""
