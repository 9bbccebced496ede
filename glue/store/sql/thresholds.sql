-- name: listed
-- Rows that people can change: the global ones first. What is no metric waits for `db repair`.
SELECT robot_id, metric_type AS metric, warning_threshold AS warning,
       critical_threshold AS critical, warning_recovery, critical_recovery, enabled, updated_at
  FROM alert_thresholds
 WHERE metric_type IN (SELECT metric FROM metrics)
 ORDER BY robot_id NULLS FIRST, metric_type;

-- name: one
-- robot_id NULL is the global row.
SELECT robot_id, metric_type AS metric, warning_threshold AS warning,
       critical_threshold AS critical, warning_recovery, critical_recovery, enabled, updated_at
  FROM alert_thresholds
 WHERE robot_id IS NOT DISTINCT FROM %(robot_id)s AND metric_type = %(metric)s;

-- name: put
INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold,
                              warning_recovery, critical_recovery, enabled)
VALUES (%(robot_id)s, %(metric)s, %(warning)s, %(critical)s, %(warning_recovery)s,
        %(critical_recovery)s, %(enabled)s)
    ON CONFLICT (robot_id, metric_type) DO UPDATE
   SET warning_threshold = excluded.warning_threshold,
       critical_threshold = excluded.critical_threshold,
       warning_recovery = excluded.warning_recovery,
       critical_recovery = excluded.critical_recovery,
       enabled = excluded.enabled
RETURNING robot_id, metric_type AS metric, warning_threshold AS warning,
          critical_threshold AS critical, warning_recovery, critical_recovery, enabled, updated_at;

-- name: completed
-- The pair of a level, each half from the next level where it has none; ordered: it is applied.
SELECT warning, critical, ordered FROM (
    SELECT coalesce(own.warning_threshold, g.warning_threshold, m.warning) AS warning,
           coalesce(own.critical_threshold, g.critical_threshold, m.critical) AS critical,
           m.direction
      FROM metrics m
      LEFT JOIN alert_thresholds g ON g.robot_id IS NULL AND g.metric_type = m.metric
      LEFT JOIN alert_thresholds own ON own.robot_id = %(robot_id)s AND own.metric_type = m.metric
     WHERE m.metric = %(metric)s) pair,
   LATERAL (SELECT CASE direction WHEN 'high' THEN critical > warning
                                  ELSE critical < warning END AS ordered) o;

-- name: reset
DELETE FROM alert_thresholds
 WHERE robot_id IS NOT DISTINCT FROM %(robot_id)s AND metric_type = %(metric)s;
