"""Rasters: patches of 8-bit RGB pixels at the model's ground sampling distance."""
