-- What the dashboards of jobs, logs and the pipeline read. As 0006_grafana: every viewer can ask for
-- all that stands here, so what is private stays out. A log line's details, what was wrong with a
-- refused message, and who is told of an alert have no column; entries of sign-ins have no row.
-- depends: 0017_notifications

CREATE OR REPLACE VIEW grafana.jobs AS
SELECT j.id, j.robot_id, coalesce(nullif(btrim(r.name), ''), j.robot_id) AS robot_name, j.task_name,
       j.phase, j.status, j.reason, j.start_time, j.end_time, j.items_total, j.items_done,
       j.percent_complete, j.last_item, j.created_at, j.updated_at,
       greatest(0, extract(epoch FROM coalesce(j.end_time, now()) - j.start_time))::float8 AS duration_s,
       CASE WHEN jsonb_typeof(j.details -> 'estimated_duration') = 'number'
            THEN nullif(least(greatest((j.details ->> 'estimated_duration')::numeric, 0), 1e9), 0)::float8
            END AS estimated_s
  FROM public.jobs j LEFT JOIN public.robots r USING (robot_id);

-- began_at, because Grafana's macros of time take a column and no expression with parentheses.
CREATE OR REPLACE VIEW grafana.alerts AS
SELECT a.id, a.robot_id, coalesce(nullif(btrim(r.name), ''), a.robot_id) AS robot_name, a.alert_type,
       a.metric, a.severity, a.title, a.message, a.source, a.value, a.threshold,
       CASE WHEN a.resolved THEN 'resolved' WHEN a.acknowledged THEN 'acknowledged' ELSE 'open' END AS state,
       a.acknowledged, a.acknowledged_by, a.acknowledged_at, a.resolved, a.resolved_by, a.resolved_at,
       a.resolve_reason, a.comment, a.origin, a.rule_uid, a.starts_at, a.created_at,
       greatest(0, extract(epoch FROM coalesce(a.resolved_at, now())
                                      - coalesce(a.starts_at, a.created_at)))::float8 AS duration_s,
       coalesce(a.starts_at, a.created_at) AS began_at
  FROM public.alerts a LEFT JOIN public.robots r USING (robot_id);

-- A barrier: without it a viewer's own function in a WHERE could be shown rows of sign-ins before
-- they are sorted out.
CREATE VIEW grafana.logs WITH (security_barrier) AS
SELECT l.id, l.timestamp, l.level, l.category, l.robot_id,
       coalesce(nullif(btrim(r.name), ''), l.robot_id) AS robot_name, l.message
  FROM public.system_logs l LEFT JOIN public.robots r USING (robot_id)
 WHERE lower(left(l.category, 4)) <> 'auth';

-- Each loop of the glue: when it last did its work, and what troubles it in a word of ours; the
-- systems' own words may name accounts.
CREATE VIEW grafana.loops AS
SELECT name, beat_at, greatest(0, extract(epoch FROM now() - beat_at))::float8 AS age_s,
       CASE name
            WHEN 'evaluator' THEN details ->> 'evaluator'
            WHEN 'sync' THEN CASE
                 WHEN details ->> 'error' <> '' THEN 'failed'
                 WHEN jsonb_array_length(CASE jsonb_typeof(details -> 'conflicts') WHEN 'array'
                                              THEN details -> 'conflicts' ELSE '[]' END) > 0
                 THEN 'conflicts' ELSE 'in step' END
            WHEN 'standby' THEN CASE WHEN details ->> 'trouble' <> '' THEN 'failed' ELSE 'ready' END
            WHEN 'retention' THEN CASE
                 WHEN coalesce(details -> 'errors', '{}') <> '{}' THEN 'failed' ELSE 'done' END
       END AS state
  FROM public.heartbeats;

-- Where people find the glue; no row while it has not told.
CREATE VIEW grafana.console AS
SELECT rtrim(details ->> 'address', '/') || '/console' AS url
  FROM public.heartbeats
 WHERE name = 'events' AND details ->> 'address' ~ '^https?://[^\s"''<>]+$';

CREATE VIEW grafana.refused AS
SELECT topic, reason, count, last_at FROM public.refused_messages;

CREATE VIEW grafana.notifications AS
SELECT id, alert_id, occasion, state, attempts, created_at, due_at, next_try_at, finished_at
  FROM public.notification_outbox;

CREATE VIEW grafana.database AS
SELECT pg_database_size(d.datname)::float8 AS size_bytes, d.numbackends AS connections,
       current_setting('max_connections')::integer AS connections_most,
       d.blks_hit::float8 / nullif(d.blks_hit + d.blks_read, 0) AS cache_hit,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.deadlocks
  FROM pg_stat_database d
 WHERE d.datname = current_database();

-- Rows as the planner believes them: counting would read the tables.
CREATE VIEW grafana.tables AS
SELECT c.relname::text AS name, greatest(c.reltuples, s.n_live_tup, 0)::bigint AS rows,
       pg_total_relation_size(c.oid)::float8 AS size_bytes
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_stat_all_tables s ON s.relid = c.oid
 WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname !~ '^_?yoyo';
