"""The console: web pages under ``/console`` for what Grafana is not for.

Pages are rendered here, with jinja2, and work without a script. What a page shows and does it gets
from the operations of the API, called as the functions they are (:mod:`glue.console.operations`):
the same roles, checks, records and errors, without a request to ourselves.
"""

from glue.console.app import install

__all__ = ["install"]
