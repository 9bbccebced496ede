-- name: role
SELECT 1 FROM pg_roles WHERE rolname = %(name)s;

-- name: database
SELECT 1 FROM pg_database WHERE datname = %(name)s;

-- name: grafana_users
-- Its first start makes the table; before that its password is still taken from the environment.
SELECT to_regclass('public."user"') IS NOT NULL;

-- name: weapons
-- Everything that takes locks for itself, writes large objects or sleeps, and that PUBLIC may call.
SELECT p.oid::regprocedure::text
  FROM pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace
   AND (p.proname LIKE 'pg\_%advisory%' OR p.proname LIKE 'lo\_%' OR p.proname IN ('lowrite', 'loread')
        OR p.proname LIKE 'pg\_sleep%')
   AND has_function_privilege('public', p.oid, 'EXECUTE');
