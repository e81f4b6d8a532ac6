"""Detections as GIS layers and pictures: the way out of geovehicle."""
