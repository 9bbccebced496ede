-- name: adopted
SELECT to_regclass('repaired_values') IS NOT NULL AND to_regclass('users') IS NOT NULL;

-- name: unproven
-- Tables for which PostgreSQL does not vouch yet; in the others nothing is wrong.
SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND NOT convalidated;

-- name: differences
-- Every value of the table that is not as it should be, and what it should be.
SELECT r.id::text, k.part, m.was -> k.part, m.fit -> k.part
  FROM {table} r,
       LATERAL (SELECT to_jsonb(r) AS was, to_jsonb({mended}(r)) AS fit) m,
       LATERAL jsonb_object_keys(m.was) AS k(part)
 WHERE {mended}(r) IS DISTINCT FROM r AND m.was -> k.part IS DISTINCT FROM m.fit -> k.part
 ORDER BY r.id, k.part;

-- name: mend
-- Each row's own trigger (mend_on_write) writes what is right and keeps what was.
UPDATE {table} r SET id = id WHERE {mended}(r) IS DISTINCT FROM r;

-- name: mend_thresholds
UPDATE alert_thresholds r
   SET warning_threshold = m.warning_threshold, critical_threshold = m.critical_threshold,
       warning_recovery = m.warning_recovery, critical_recovery = m.critical_recovery
  FROM alert_thresholds o, LATERAL alert_thresholds_mended(o) m
 WHERE o.id = r.id AND m IS DISTINCT FROM o;

-- name: names_twice
-- Of names that differ only in case, the one of an active user, changed last, stays.
SELECT id, 'username', to_jsonb(username), to_jsonb(left(username, 41) || '_' || left(id, 8))
  FROM (SELECT *, row_number() OVER (PARTITION BY lower(username)
                                     ORDER BY is_active DESC, updated_at DESC, id) AS n
          FROM users) u
 WHERE n > 1 ORDER BY id;

-- name: addresses_twice
SELECT id, 'email', to_jsonb(email),
       to_jsonb(left(split_part(email, '@', 1), 40) || '+' || left(id, 8) || '@'
                || left(split_part(email, '@', 2), 50))
  FROM (SELECT *, row_number() OVER (PARTITION BY lower(email)
                                     ORDER BY is_active DESC, updated_at DESC, id) AS n
          FROM users) u
 WHERE n > 1 ORDER BY id;

-- name: active_twice
-- The job that started last goes on; the others ended at the latest when the next began.
SELECT id::text, o.part, o.was, o.fit
  FROM (SELECT *, lag(start_time) OVER own AS next_start, row_number() OVER own AS n
          FROM jobs WHERE status = 'active'
        WINDOW own AS (PARTITION BY robot_id ORDER BY start_time DESC, id DESC)) j,
       LATERAL (VALUES ('status', to_jsonb(status), to_jsonb('failed'::text)),
                       ('end_time', to_jsonb(end_time), to_jsonb(coalesce(end_time, next_start)))
               ) AS o(part, was, fit)
 WHERE n > 1 AND o.was IS DISTINCT FROM o.fit ORDER BY id, o.part;

-- name: limits_of_nothing
-- Rows of a robot or a metric that is not there: no rule can use them.
SELECT t.id::text, '*', to_jsonb(t), NULL::jsonb
  FROM alert_thresholds t
 WHERE t.metric_type NOT IN (SELECT metric FROM metrics)
    OR (t.robot_id IS NOT NULL AND t.robot_id NOT IN (SELECT robot_id FROM robots))
 ORDER BY t.id;

-- name: write
UPDATE {table} SET {column} = (jsonb_populate_record(NULL::{table},
                               jsonb_build_object(%(part)s::text, %(after)s::jsonb))).{column}
 WHERE id::text = %(row_id)s;

-- name: set_aside
DELETE FROM alert_thresholds WHERE id::text = %(row_id)s;

-- name: keep
INSERT INTO repaired_values (by, table_name, row_id, column_name, before, after, why)
VALUES ('repair', %(table)s, %(row_id)s, %(column)s, %(before)s, %(after)s, %(why)s);

-- name: unregistered
-- Alerts and logs outlive their robots; nothing is wrong, but it may surprise.
SELECT 'alerts', count(*) FROM alerts a
 WHERE a.robot_id IS NOT NULL AND NOT EXISTS (SELECT FROM robots r WHERE r.robot_id = a.robot_id)
UNION ALL
SELECT 'jobs', count(*) FROM jobs j
 WHERE NOT EXISTS (SELECT FROM robots r WHERE r.robot_id = j.robot_id);

-- name: changed
-- What upgrades changed, counted; ids as far as they are wanted.
SELECT table_name || '.' || column_name, why, count(*), (array_agg(row_id ORDER BY id))[1:100]
  FROM repaired_values
 WHERE by = 'upgrade' AND NOT (table_name = 'alert_thresholds' AND column_name = '*')
 GROUP BY table_name, column_name, why ORDER BY 1, 2;

-- name: taken_over
SELECT after FROM repaired_values
 WHERE by = 'upgrade' AND table_name = 'alert_thresholds' AND column_name = '*'
 ORDER BY id;
