"""DensePose R-CNN, R50-FPN s1x (Güler et al., DensePose, 2018; Wu et al., detectron2, 2019)."""
