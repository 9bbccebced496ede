-- What the rules on the pipeline itself read: how long each part has not done its work.
-- depends: 0006_grafana

-- Robots that rules look at, with the two sentinels that grafana.rule_limits explains.
CREATE VIEW grafana.watched AS
SELECT robot_id::text
  FROM public.robots
 WHERE is_active AND registration = 'accepted' AND status <> 'maintenance'
UNION ALL VALUES ('__none_a'), ('__none_b');

-- Seconds without a new point of any robot, while one says that it is online. Measured from our
-- own look to the last point that moved, so that a stopped glue does not accuse Telegraf.
CREATE VIEW grafana.metrics_age AS
SELECT coalesce((
    SELECT greatest(0, extract(epoch FROM beat_at - (details ->> 'moved_at')::timestamptz))
      FROM public.heartbeats
     WHERE name = 'metrics'
       AND EXISTS (SELECT FROM public.robots
                    WHERE is_active AND registration = 'accepted' AND status = 'online')
), 0)::float8 AS age_s;

-- Seconds since Grafana's state was last read, by a glue that is alive: one that is not is told by
-- its missing heartbeat already. Nobody reads the state where no Grafana is.
CREATE VIEW grafana.pull_age AS
SELECT coalesce((
    SELECT greatest(0, extract(epoch FROM now() - p.beat_at))
      FROM public.heartbeats p, public.heartbeats e
     WHERE p.name = 'pull' AND e.name = 'evaluator' AND e.details ->> 'evaluator' <> 'standby'
       AND EXISTS (SELECT FROM public.heartbeats
                    WHERE name = 'events' AND beat_at > now() - interval '15 seconds')
), 0)::float8 AS age_s;

-- Seconds that Grafana's posts to us have been failing, as far as the last look at it tells.
CREATE VIEW grafana.webhook_age AS
SELECT coalesce((
    SELECT greatest(0, extract(epoch FROM p.beat_at - w.beat_at))
      FROM public.heartbeats p, public.heartbeats w
     WHERE p.name = 'pull' AND w.name = 'webhook'
), 0)::float8 AS age_s;
