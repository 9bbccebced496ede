-- Messages of robots that could not be registered, for as long as there are new ones: 0 when the last
-- is older than a quarter of an hour.
-- depends: 0007_pipeline

CREATE VIEW grafana.registrations_limited AS
SELECT coalesce(sum(count) FILTER (WHERE last_at > now() - interval '15 minutes'), 0)::float8 AS messages
  FROM public.refused_messages WHERE reason = 'too_many_new';
