-- name: listed
-- Rows that people can change: the global ones first. What is no metric waits for `db repair`.
SELECT robot_id, metric_type AS metric, warning_threshold AS warning,
       critical_threshold AS critical, warning_recovery, critical_recovery, enabled, updated_at
  FROM alert_thresholds
 WHERE metric_type IN (SELECT metric FROM metrics)
 ORDER BY robot_id COLLATE natural_order NULLS FIRST, metric_type;

-- name: one
-- robot_id NULL is the global row.
SELECT robot_id, metric_type AS metric, warning_threshold AS warning,
       critical_threshold AS critical, warning_recovery, critical_recovery, enabled, updated_at
  FROM alert_thresholds
 WHERE robot_id IS NOT DISTINCT FROM %(robot_id)s AND metric_type = %(metric)s;

-- name: of
-- robot_id NULL: the global rows.
SELECT robot_id, metric_type AS metric, warning_threshold AS warning,
       critical_threshold AS critical, warning_recovery, critical_recovery, enabled, updated_at
  FROM alert_thresholds
 WHERE robot_id IS NOT DISTINCT FROM %(robot_id)s
   AND metric_type IN (SELECT metric FROM metrics)
 ORDER BY metric_type;

-- name: of_robots
SELECT robot_id, metric_type AS metric, warning_threshold AS warning,
       critical_threshold AS critical, warning_recovery, critical_recovery, enabled, updated_at
  FROM alert_thresholds
 WHERE robot_id = ANY (%(robot_ids)s);

-- name: hold
-- The fleet's rows may not be there yet; their metrics are.
SELECT metric FROM metrics ORDER BY metric FOR NO KEY UPDATE;

-- name: put
INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold,
                              warning_recovery, critical_recovery, enabled)
VALUES (%(robot_id)s::varchar, %(metric)s, %(warning)s, %(critical)s, %(warning_recovery)s,
        %(critical_recovery)s,
        -- There is no level above the fleet's to leave the switch to.
        coalesce(%(enabled)s::boolean, CASE WHEN %(robot_id)s::varchar IS NULL THEN true END))
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

-- name: put_many
-- Gives a row when one of those with a single limit came out on the wrong side of the level above.
WITH written AS (
    INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold,
                                  warning_recovery, critical_recovery, enabled)
    SELECT robot_id, metric, warning, critical, warning_recovery, critical_recovery, enabled
      FROM jsonb_to_recordset(%(rows)s) AS n(
           robot_id text, metric text, warning float8, critical float8, warning_recovery float8,
           critical_recovery float8, enabled boolean)
        ON CONFLICT (robot_id, metric_type) DO UPDATE
       SET warning_threshold = excluded.warning_threshold,
           critical_threshold = excluded.critical_threshold,
           warning_recovery = excluded.warning_recovery,
           critical_recovery = excluded.critical_recovery,
           enabled = excluded.enabled
    RETURNING metric_type, warning_threshold, critical_threshold)
SELECT 1
  FROM written w
  JOIN metrics m ON m.metric = w.metric_type
  LEFT JOIN alert_thresholds g ON g.robot_id IS NULL AND g.metric_type = m.metric
 WHERE CASE m.direction WHEN 'high' THEN 1 ELSE -1 END
       * (coalesce(w.critical_threshold, g.critical_threshold, m.critical)
          - coalesce(w.warning_threshold, g.warning_threshold, m.warning)) <= 0
 LIMIT 1;

-- name: reset_many
DELETE FROM alert_thresholds t
 USING jsonb_to_recordset(%(rows)s) AS n(robot_id text, metric text)
 WHERE t.robot_id = n.robot_id AND t.metric_type = n.metric;

-- name: reset_all
DELETE FROM alert_thresholds WHERE robot_id IS NOT DISTINCT FROM %(robot_id)s
RETURNING metric_type;

-- name: page
SELECT t.robot_id, t.metric_type AS metric, t.warning_threshold AS warning,
       t.critical_threshold AS critical, t.warning_recovery, t.critical_recovery, t.enabled,
       t.updated_at, {key} AS sort_key
  FROM alert_thresholds t
 WHERE t.metric_type IN (SELECT metric FROM metrics) AND {where}
 ORDER BY {order}
 LIMIT %(rows)s;

-- name: by_id
t.id
-- name: if_robot_id
t.robot_id = ANY (%(robot_id)s)
-- name: if_metric
t.metric_type = ANY (%(metric)s)
