"""PostgreSQL. ``transaction(pool)`` gives a connection; each noun's module takes it first.

SQL stands in ``sql/<noun>.sql``; tables and views in ``postgres/``, moved by :mod:`.migrations`.
"""

from glue.store.patience import Patience, within
from glue.store.pool import (
    Pool,
    StoreError,
    StoreUnavailable,
    open_pool,
    transaction,
    unavailable,
)

__all__ = [
    "Patience",
    "Pool",
    "StoreError",
    "StoreUnavailable",
    "open_pool",
    "transaction",
    "unavailable",
    "within",
]
