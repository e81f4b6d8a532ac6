"""The parts of training, which :mod:`geovehicle.training` puts together."""
