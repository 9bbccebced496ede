"""Backup and restore: PostgreSQL's databases, the bucket and the secrets, in one archive.

:mod:`.create` makes it, :mod:`.restore` puts it back, :mod:`.archive` and :mod:`.manifest` say what
it looks like, :mod:`.secrets` whose secrets hold afterwards.
"""
