"""The plugin for QGIS, and how it comes into a user's profile."""
