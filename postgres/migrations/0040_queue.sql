-- The queue between robots and InfluxDB, as the glue last looked at it (glue/events/queue_watch.py).
-- Always one row, for rules that read no number say nothing. What is not known is NULL, also when the
-- glue is away: another rule tells that. Drops count until there were none for a quarter of an hour.
-- depends: 0030a_registrations_limited

CREATE VIEW grafana.queue AS
SELECT (fresh.details ->> 'lag_s')::float8 AS lag_s,
       coalesce((fresh.details ->> 'late_s')::float8, 0) AS late_s,
       (fresh.details ->> 'events_lag_s')::float8 AS events_lag_s,
       (fresh.details ->> 'messages')::float8 AS messages,
       (last.details ->> 'messages_limit')::float8 AS messages_limit,
       (fresh.details ->> 'bytes')::float8 AS bytes,
       (last.details ->> 'bytes_limit')::float8 AS bytes_limit,
       100 * greatest((fresh.details ->> 'messages')::float8 / (last.details ->> 'messages_limit')::float8,
                      (fresh.details ->> 'bytes')::float8 / (last.details ->> 'bytes_limit')::float8)
           AS full_percent,
       (fresh.details ->> 'growth')::float8 AS growth,
       (fresh.details ->> 'minutes_left')::float8 AS minutes_left,
       fresh.details ->> 'bound' AS bound,
       CASE WHEN (last.details ->> 'dropped_last')::timestamptz > now() - interval '15 minutes'
            THEN (last.details ->> 'dropped')::float8 ELSE 0 END AS dropped,
       (last.details ->> 'dropped_since')::timestamptz AS dropped_since,
       coalesce((last.details ->> 'dropped_total')::float8, 0) AS dropped_total
  FROM (VALUES (1)) AS always(n)
  LEFT JOIN public.heartbeats last ON last.name = 'queue'
  LEFT JOIN public.heartbeats fresh ON fresh.name = 'queue' AND fresh.beat_at > now() - interval '30 seconds';
