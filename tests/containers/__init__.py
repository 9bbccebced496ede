"""The Compose file on a real Docker engine.

Images cannot be pulled everywhere, so stand-ins are built (:mod:`tests.containers.standins`) for an
engine that is found or started (:mod:`tests.containers.engine`); :mod:`tests.containers.stack` runs
a copy of the checkout on them. ``TONYPI_TEST_IMAGES=official`` takes the images that
docker-compose.yml names instead.
"""
