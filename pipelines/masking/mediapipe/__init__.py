"""MediaPipe's person detector, pose landmarks and selfie segmentation, run by OpenCV.

The networks and weights are Google's (Apache-2.0, see NOTICE). `scripts/convert_mediapipe.py`
turned the published TensorFlow Lite files into the three ONNX files of this folder, which are
written for OpenCV alone: one of its layers stands in them by its own name.
"""
