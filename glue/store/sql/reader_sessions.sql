-- name: end_overdue
-- A statement that runs, or a transaction that waits: both began with their transaction. Of another
-- role's sessions only a member sees since when.
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
  FROM pg_stat_activity
 WHERE usename = 'grafana_reader' AND datname = current_database()
   AND xact_start < clock_timestamp() - make_interval(secs => %(seconds)s);
