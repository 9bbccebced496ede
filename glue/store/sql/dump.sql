-- name: tables
-- Everything that pg_dump writes rows of.
SELECT n.nspname, c.relname
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\_%'
 ORDER BY 1, 2;

-- name: migrations
SELECT migration_id FROM _yoyo_migration;

-- name: clients
SELECT DISTINCT coalesce(nullif(application_name, ''), usename) || ' (' || datname || ')'
  FROM pg_stat_activity
 WHERE datname = ANY(%(names)s) AND pid <> pg_backend_pid() AND backend_type = 'client backend'
 ORDER BY 1;
