"""Labelled data: readers, converters, augmentation and synthetic scenes."""
