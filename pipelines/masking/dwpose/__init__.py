"""DWPose: people, and 134 points of each, from two ONNX networks (arXiv 2307.15880)."""
