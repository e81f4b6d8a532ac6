"""The DFL-CNN detector: torchvision's two-stage parts with the paper's three changes."""
