-- Worst ever and last are two things: while an alert is open its severity is what fires now, once it
-- is over the highest that it reached; worst_severity is the highest so far. And an alert of a rule
-- that is not ours lives on its sender's repeats: what is not repeated for long is stale.
-- depends: 0022_dashboards

ALTER TABLE alerts
    ADD COLUMN worst_severity varchar(20),
    ADD COLUMN repeated_at timestamptz,
    ADD COLUMN stale_since timestamptz,
    ADD COLUMN listed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN alerts.worst_severity IS 'The highest severity so far; NULL in older rows: as severity.';
COMMENT ON COLUMN alerts.repeated_at IS 'Of a rule that is not ours: when its sender last said that it fires.';
COMMENT ON COLUMN alerts.stale_since IS 'Open, but not repeated for longer than RULE_STALE_AFTER.';
COMMENT ON COLUMN alerts.listed IS 'Of a rule that is not ours: our Grafana has listed it, so it also ends when Grafana no longer does.';
CREATE INDEX alerts_repeated ON alerts (metric) WHERE repeated_at IS NOT NULL AND NOT resolved;

-- The digest of the instance is left out.
CREATE FUNCTION metric_of_rule(metric text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN metric ~ '^rule:.*:[0-9a-f]{12}$' THEN left(metric, -13) ELSE metric END
$$;

-- Before, such an alert was known by its rule's name alone: nobody would end it any more. What still
-- fires opens an alert of its own with its sender's next post.
WITH closed AS (
    UPDATE alerts
       SET resolved = true, resolved_at = now(),
           resolve_reason = 'closed by an upgrade: alerts of this rule are told apart by their labels now'
     WHERE metric LIKE 'rule:%' AND metric_of_rule(metric) = metric AND NOT resolved
    RETURNING id, severity, resolve_reason),
noted AS (
    INSERT INTO alert_timeline (alert_id, at, kind, severity, note)
    SELECT id, now(), 'resolved', severity, resolve_reason FROM closed)
UPDATE alert_occurrences o
   SET ended_at = greatest(now(), o.starts_at), ended_by = o.origin, reason = closed.resolve_reason
  FROM closed
 WHERE o.alert_id = closed.id AND o.ended_at IS NULL;

UPDATE alerts SET repeated_at = now() WHERE metric LIKE 'rule:%' AND NOT resolved;

WITH highest AS (
    SELECT DISTINCT ON (alert_id) alert_id, severity, value, threshold
      FROM alert_timeline
     WHERE kind IN ('opened', 'raised')
     ORDER BY alert_id, array_position(ARRAY['info', 'warning', 'critical'], severity::text) DESC NULLS LAST,
              id DESC)
UPDATE alerts a
   SET worst_severity = h.severity,
       severity = CASE WHEN a.resolved THEN h.severity ELSE a.severity END,
       value = CASE WHEN a.resolved THEN coalesce(h.value, a.value) ELSE a.value END,
       threshold = CASE WHEN a.resolved THEN coalesce(h.threshold, a.threshold) ELSE a.threshold END
  FROM highest h
 WHERE h.alert_id = a.id
   AND array_position(ARRAY['info', 'warning', 'critical'], h.severity::text)
       > array_position(ARRAY['info', 'warning', 'critical'], a.severity::text);

CREATE INDEX alerts_rule ON alerts (metric_of_rule(metric)) WHERE metric LIKE 'rule:%';
COMMENT ON FUNCTION metric_of_rule IS 'What all instances of a rule that is not ours have in common; any other metric as it is.';

CREATE OR REPLACE VIEW grafana.alerts AS
SELECT a.id, a.robot_id, coalesce(nullif(btrim(r.name), ''), a.robot_id) AS robot_name, a.alert_type,
       a.metric, a.severity, a.title, a.message, a.source, a.value, a.threshold,
       CASE WHEN a.resolved THEN 'resolved' WHEN a.acknowledged THEN 'acknowledged' ELSE 'open' END AS state,
       a.acknowledged, a.acknowledged_by, a.acknowledged_at, a.resolved, a.resolved_by, a.resolved_at,
       a.resolve_reason, a.comment, a.origin, a.rule_uid, a.starts_at, a.created_at,
       greatest(0, extract(epoch FROM coalesce(a.resolved_at, now())
                                      - coalesce(a.starts_at, a.created_at)))::float8 AS duration_s,
       coalesce(a.starts_at, a.created_at) AS began_at,
       coalesce(a.worst_severity, a.severity) AS worst_severity, a.repeated_at, a.stale_since,
       public.metric_of_rule(a.metric) AS rule_metric
  FROM public.alerts a LEFT JOIN public.robots r USING (robot_id);
