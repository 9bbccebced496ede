-- Seconds since the oldest notification was due that was neither delivered nor given up; those kept
-- back until quiet hours end wait rightly.
-- depends: 0040_queue

CREATE VIEW grafana.notifications_age AS
SELECT coalesce(max(extract(epoch FROM now() - due_at)) FILTER (WHERE due_at < now()), 0)::float8 AS age_s
  FROM public.notification_outbox
 WHERE state IN ('queued', 'leased') AND NOT held AND target_id IS NOT NULL;
