-- name: take
SELECT pg_try_advisory_lock(hashtext('tonypi:' || %(name)s));

-- name: alive
SELECT 1;
