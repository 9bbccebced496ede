"""InfluxDB, 1.12 and 2.x through the same calls: the robots' series."""

from glue.series.query import Query, Series, SeriesError, SeriesUnavailable, quote

__all__ = ["Query", "Series", "SeriesError", "SeriesUnavailable", "quote"]
