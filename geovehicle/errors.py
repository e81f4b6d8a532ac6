"""What can go wrong, as a tree.

::

    GeoVehicleError
    ├── InputError              something given by the user cannot be used
    │   ├── RasterError         a raster cannot be opened, read or understood
    │   ├── GeoreferenceError   a CRS or geotransform is missing or not usable
    │   ├── DatasetError        a labelled data set is damaged or inconsistent
    │   └── CheckpointError     weights are missing, damaged or of another kind
    ├── SettingsError           a number or option is outside its range
    ├── OutputError             the result cannot be written
    └── InterruptionError       the user ended the work, and how to go on

Every message is one line: what was wrong, then the way out. The command line
prints it on stderr and exits with :attr:`GeoVehicleError.exit_code`.
"""

from __future__ import annotations


class GeoVehicleError(Exception):
    """Base of every error that geovehicle raises on purpose."""

    exit_code = 1


class InputError(GeoVehicleError):
    """Something given by the user cannot be used."""

    exit_code = 3


class RasterError(InputError):
    """A raster cannot be opened, read or understood."""


class GeoreferenceError(InputError):
    """A CRS or geotransform is missing or not usable."""


class DatasetError(InputError):
    """A labelled data set is damaged or inconsistent."""


class CheckpointError(InputError):
    """Weights are missing, damaged or of another kind."""


class SettingsError(GeoVehicleError):
    """A number or option is outside its range."""

    exit_code = 2


class OutputError(GeoVehicleError):
    """The result cannot be written."""

    exit_code = 4


class InterruptionError(GeoVehicleError):
    """The user ended the work; what was done is kept."""

    exit_code = 130


class GeoVehicleWarning(UserWarning):
    """Something that the user should know, though the work goes on."""
