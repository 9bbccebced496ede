-- name: page
-- First which rows, then what they say: sorting a million rows carries their ids only. An older
-- row's mistake is shown as what its repair will write.
SELECT m.id, a.robot_id, m.metric, m.alert_type, m.severity,
       coalesce(m.worst_severity, m.severity) AS worst_severity, m.title, m.message, m.source, m.value,
       m.threshold, m.acknowledged, m.acknowledged_by, m.acknowledged_at, m.comment, m.muted_by,
       m.muted_until, m.quiet_reason, m.flap_id,
       EXISTS (SELECT FROM alert_flaps f WHERE f.id = m.flap_id AND f.ended_at IS NULL) AS flapping,
       m.resolved,
       m.resolved_at, m.resolved_by, m.resolve_reason, m.starts_at, m.origin, m.details,
       m.repeated_at, m.stale_since, m.created_at, {key} AS sort_key
  FROM (SELECT a.id FROM alerts a WHERE {where} ORDER BY {order} LIMIT %(rows)s) p
  JOIN alerts a ON a.id = p.id
 CROSS JOIN LATERAL alerts_mended(a) m
 ORDER BY {order};

-- name: by_id
a.id
-- name: by_created_at
a.created_at
-- name: by_starts_at
a.starts_at
-- name: by_resolved_at
a.resolved_at
-- name: by_acknowledged_at
a.acknowledged_at
-- name: by_robot_id
a.robot_id COLLATE natural_order
-- name: by_metric
a.metric
-- name: by_alert_type
a.alert_type
-- name: by_type
-- As it was called before.
a.alert_type
-- name: by_source
a.source
-- name: by_title
a.title
-- name: by_threshold
a.threshold
-- name: by_acknowledged
a.acknowledged
-- name: by_resolved
a.resolved
-- name: by_severity
-- Ascending is from info to critical.
array_position(ARRAY['info', 'warning', 'critical'], a.severity::text)
-- name: by_value
a.value

-- name: if_robot_id
a.robot_id = ANY (%(robot_id)s)
-- name: if_severity
a.severity = ANY (%(severity)s)
-- name: if_worst_severity
coalesce(a.worst_severity, a.severity) = ANY (%(worst_severity)s)
-- name: if_stale
(a.stale_since IS NOT NULL AND NOT a.resolved) = %(stale)s
-- name: if_alert_type
a.alert_type = ANY (%(alert_type)s)
-- name: if_metric
-- A rule that is not ours names its instances.
(a.metric = ANY (%(metric)s)
 OR (a.metric LIKE 'rule:%%' AND metric_of_rule(a.metric) = ANY (%(metric)s)))
-- name: if_source
a.source = ANY (%(source)s)
-- name: if_rule_uid
a.rule_uid = ANY (%(rule_uid)s)
-- name: if_fingerprint
a.fingerprint = ANY (%(fingerprint)s)
-- name: if_value_from
a.value >= %(value_from)s
-- name: if_value_to
a.value <= %(value_to)s
-- name: if_threshold_from
a.threshold >= %(threshold_from)s
-- name: if_threshold_to
a.threshold <= %(threshold_to)s
-- name: if_starts_since
a.starts_at >= %(starts_since)s
-- name: if_starts_until
a.starts_at < %(starts_until)s
-- name: if_acknowledged_since
a.acknowledged_at >= %(acknowledged_since)s
-- name: if_acknowledged_until
a.acknowledged_at < %(acknowledged_until)s
-- name: if_resolved_since
a.resolved_at >= %(resolved_since)s
-- name: if_resolved_until
a.resolved_at < %(resolved_until)s
-- name: if_comment
position(lower(%(comment)s) IN lower(a.comment)) > 0
-- name: if_acknowledged
a.acknowledged = %(acknowledged)s
-- name: if_acknowledged_by
a.acknowledged_by = %(acknowledged_by)s
-- name: if_flap_id
a.flap_id = %(flap_id)s
-- name: if_quiet
(a.quiet_reason IS NOT NULL) = %(quiet)s
-- name: if_resolved
a.resolved = %(resolved)s
-- name: if_resolved_by
a.resolved_by = %(resolved_by)s
-- name: if_resolve_reason
a.resolve_reason = %(resolve_reason)s
-- name: if_origin
a.origin = ANY (%(origin)s)
-- name: if_since
a.created_at >= %(since)s
-- name: if_until
a.created_at < %(until)s
-- name: if_text
-- As postgres/indexes.sql has it indexed.
lower(a.title || E'\n' || coalesce(a.message, ''))
    LIKE '%%' || regexp_replace(lower(%(text)s), '([\\%%_])', '\\\1', 'g') || '%%'

-- name: ids
-- The newest first: who acknowledges what he sees wants those of the top of the list.
SELECT a.id FROM alerts a WHERE {where} ORDER BY a.created_at DESC, a.id DESC LIMIT %(rows)s;

-- name: one
SELECT m.id, a.robot_id, m.metric, m.alert_type, m.severity,
       coalesce(m.worst_severity, m.severity) AS worst_severity, m.title, m.message,
       m.source, m.value, m.threshold, m.acknowledged, m.acknowledged_by,
       m.acknowledged_at, m.comment, m.muted_by, m.muted_until, m.quiet_reason, m.flap_id,
       EXISTS (SELECT FROM alert_flaps f WHERE f.id = m.flap_id AND f.ended_at IS NULL) AS flapping,
       m.resolved,
       m.resolved_at, m.resolved_by,
       m.resolve_reason, m.starts_at, m.origin, m.details, m.repeated_at, m.stale_since, m.created_at
  FROM alerts a, LATERAL alerts_mended(a) m
 WHERE a.id = %(id)s;

-- name: timeline
SELECT id, at, kind, severity, value, threshold, source, origin, actor, note, details
  FROM alert_timeline
 WHERE alert_id = %(id)s
 ORDER BY at, id;

-- name: open_by_severity
SELECT severity, count(*) AS alerts FROM alerts WHERE NOT resolved GROUP BY severity;

-- name: counts
-- One pass: by the highest severity, by metric (of a rule that is not ours, all its instances), by
-- type, by robot, and all of them together.
SELECT CASE grouping(c.severity, c.metric, a.alert_type, a.robot_id)
            WHEN 7 THEN 'severity' WHEN 11 THEN 'metric' WHEN 13 THEN 'type' WHEN 14 THEN 'robot_id'
            ELSE 'all' END AS by,
       coalesce(c.severity, c.metric, a.alert_type, a.robot_id) AS name,
       count(*) AS alerts,
       count(*) FILTER (WHERE NOT a.resolved) AS open
  FROM alerts a
 CROSS JOIN LATERAL (
       SELECT coalesce(a.worst_severity, a.severity) AS severity,
              metric_of_rule(a.metric) AS metric) c
 WHERE {where}
 GROUP BY GROUPING SETS ((c.severity), (c.metric), (a.alert_type), (a.robot_id), ())
 ORDER BY alerts DESC, name;

-- name: durations
-- Seconds from the opening until somebody looked after it, and until it was over. A clock may have
-- been turned back: never below zero.
SELECT count(t.acknowledged) AS acknowledge_alerts, avg(t.acknowledged) AS acknowledge_mean_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.acknowledged) AS acknowledge_median_s,
       count(t.resolved) AS resolve_alerts, avg(t.resolved) AS resolve_mean_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.resolved) AS resolve_median_s
  FROM (SELECT CASE WHEN a.acknowledged THEN
                    date_part('epoch', greatest(a.acknowledged_at, a.created_at) - a.created_at)
               END AS acknowledged,
               CASE WHEN a.resolved THEN
                    date_part('epoch', greatest(a.resolved_at, a.created_at) - a.created_at)
               END AS resolved
          FROM alerts a
         WHERE {where}) t;
