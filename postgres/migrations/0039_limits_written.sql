-- Seconds since the rules' limits were last written to InfluxDB, by a glue that is alive: one that is
-- not is told by its missing heartbeat already.
-- depends: 0040a_notifications_late

CREATE VIEW grafana.limits_age AS
SELECT coalesce((
    SELECT greatest(0, extract(epoch FROM now() - beat_at))
      FROM public.heartbeats
     WHERE name = 'limits'
       AND EXISTS (SELECT FROM public.heartbeats
                    WHERE name IN ('events', 'evaluator') AND beat_at > now() - interval '60 seconds')
), 0)::float8 AS age_s;

-- The dashboards' list of loops says why the limits' one is late.
CREATE OR REPLACE VIEW grafana.loops AS
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
            WHEN 'limits' THEN CASE WHEN details ->> 'trouble' <> '' THEN 'failed' ELSE 'written' END
       END AS state
  FROM public.heartbeats;
