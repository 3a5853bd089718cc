"""OpenPose's body network (Cao et al., Realtime Multi-Person 2D Pose Estimation, 2017)."""
