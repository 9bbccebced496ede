-- The limits in force, from three levels: the robot's row, the global row, the built-in default.
-- Recorded as docs/decisions says; the views never look at alerts (a limit that depends on our own
-- record is a feedback loop).
-- depends: 0003_constraints

-- Every robot and metric, also where nothing is watched now. Each level completes itself from the
-- next where it has only one of the two limits; a level whose pair comes out on the wrong sides
-- gives way as a whole. Rows cannot be wrong (constraints), pairs made of two levels can.
CREATE VIEW configured_limits AS
SELECT robot_id, metric,
       CASE level WHEN 2 THEN own_warning  WHEN 1 THEN all_warning  ELSE def_warning  END AS warning,
       CASE level WHEN 2 THEN own_warning_recovery WHEN 1 THEN all_warning_recovery
                  ELSE def_warning - bad * recovery_margin END AS warning_recovery,
       CASE level WHEN 2 THEN own_critical WHEN 1 THEN all_critical ELSE def_critical END AS critical,
       CASE level WHEN 2 THEN own_critical_recovery WHEN 1 THEN all_critical_recovery
                  ELSE def_critical - bad * recovery_margin END AS critical_recovery,
       CASE level WHEN 2 THEN 'robot' WHEN 1 THEN 'global' ELSE 'default' END AS source,
       enabled, watched
  FROM (
    SELECT *,
           CASE WHEN own_set AND own_critical * bad > own_warning * bad
                     AND own_warning_recovery * bad < own_warning * bad
                     AND own_critical_recovery * bad < own_critical * bad THEN 2
                WHEN all_set AND all_critical * bad > all_warning * bad
                     AND all_warning_recovery * bad < all_warning * bad
                     AND all_critical_recovery * bad < all_critical * bad THEN 1
                ELSE 0 END AS level
      FROM (
        SELECT r.robot_id, m.metric, m.bad, m.recovery_margin,
               m.warning AS def_warning, m.critical AS def_critical,
               m.all_set, m.all_warning, m.all_warning_recovery, m.all_critical, m.all_critical_recovery,
               coalesce(own.warning_threshold, own.critical_threshold) IS NOT NULL AS own_set,
               coalesce(own.warning_threshold, m.all_warning) AS own_warning,
               CASE WHEN own.warning_threshold IS NULL THEN m.all_warning_recovery
                    ELSE coalesce(own.warning_recovery, own.warning_threshold - m.bad * m.recovery_margin)
                     END AS own_warning_recovery,
               coalesce(own.critical_threshold, m.all_critical) AS own_critical,
               CASE WHEN own.critical_threshold IS NULL THEN m.all_critical_recovery
                    ELSE coalesce(own.critical_recovery, own.critical_threshold - m.bad * m.recovery_margin)
                     END AS own_critical_recovery,
               coalesce(own.enabled, m.all_enabled) AS enabled,
               r.is_active AND r.registration = 'accepted' AND r.status <> 'maintenance' AS watched
          FROM robots r
         CROSS JOIN (
            SELECT d.metric, d.bad, d.recovery_margin, d.warning, d.critical,
                   coalesce(g.warning_threshold, g.critical_threshold) IS NOT NULL AS all_set,
                   coalesce(g.warning_threshold, d.warning) AS all_warning,
                   coalesce(g.warning_recovery,
                            coalesce(g.warning_threshold, d.warning) - d.bad * d.recovery_margin)
                       AS all_warning_recovery,
                   coalesce(g.critical_threshold, d.critical) AS all_critical,
                   coalesce(g.critical_recovery,
                            coalesce(g.critical_threshold, d.critical) - d.bad * d.recovery_margin)
                       AS all_critical_recovery,
                   coalesce(g.enabled, true) AS all_enabled
              FROM (SELECT *, CASE direction WHEN 'high' THEN 1 ELSE -1 END AS bad FROM metrics) d
              LEFT JOIN alert_thresholds g ON g.robot_id IS NULL AND g.metric_type = d.metric
         ) m
          LEFT JOIN alert_thresholds own
            ON own.robot_id = r.robot_id AND own.metric_type = m.metric
      ) completed
  ) levelled;
COMMENT ON VIEW configured_limits IS 'Limits of every robot and metric. enabled: nobody switched the metric off; watched: the robot is active, accepted and not in maintenance.';

CREATE VIEW effective_limits AS
SELECT robot_id, metric, warning, warning_recovery, critical, critical_recovery, source
  FROM configured_limits
 WHERE enabled AND watched;
COMMENT ON VIEW effective_limits IS 'The limits that rules and the standby evaluator apply now. Never NULL; limit and recovery limit always differ.';

-- A robot's own limit columns and its rows in alert_thresholds say the same thing. Both directions
-- stop by themselves: each writes only where the two differ.
CREATE FUNCTION robots_limit_columns(metric text, r robots,
                                     OUT warning double precision, OUT critical double precision)
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE metric WHEN 'battery' THEN r.battery_threshold_low ELSE r.temp_threshold_warning END,
           CASE metric WHEN 'battery' THEN r.battery_threshold_critical ELSE r.temp_threshold_critical END
$$;

-- Before a robot is written: a new robot whose columns were left at their defaults, or a column set
-- to NULL, takes what is global now.
CREATE FUNCTION robots_fill_limits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    m record;
BEGIN
    FOR m IN
        SELECT d.metric, d.warning AS usual_warning, d.critical AS usual_critical,
               coalesce(g.warning_threshold, d.warning) AS warning,
               coalesce(g.critical_threshold, d.critical) AS critical
          FROM metrics d
          LEFT JOIN alert_thresholds g ON g.robot_id IS NULL AND g.metric_type = d.metric
         WHERE d.metric IN ('battery', 'temperature')
    LOOP
        IF m.metric = 'battery' THEN
            IF TG_OP = 'INSERT' AND (NEW.battery_threshold_low, NEW.battery_threshold_critical)
                                  = (m.usual_warning, m.usual_critical) THEN
                NEW.battery_threshold_low := m.warning;
                NEW.battery_threshold_critical := m.critical;
            END IF;
            NEW.battery_threshold_low := coalesce(NEW.battery_threshold_low, m.warning);
            NEW.battery_threshold_critical := coalesce(NEW.battery_threshold_critical, m.critical);
        ELSE
            IF TG_OP = 'INSERT' AND (NEW.temp_threshold_warning, NEW.temp_threshold_critical)
                                  = (m.usual_warning, m.usual_critical) THEN
                NEW.temp_threshold_warning := m.warning;
                NEW.temp_threshold_critical := m.critical;
            END IF;
            NEW.temp_threshold_warning := coalesce(NEW.temp_threshold_warning, m.warning);
            NEW.temp_threshold_critical := coalesce(NEW.temp_threshold_critical, m.critical);
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER robots_10_fill_limits BEFORE INSERT OR UPDATE OF battery_threshold_low,
        battery_threshold_critical, temp_threshold_warning, temp_threshold_critical ON robots
    FOR EACH ROW EXECUTE FUNCTION robots_fill_limits();

CREATE FUNCTION robots_to_thresholds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A recovery limit that its limit has moved past goes back to the margin.
    INSERT INTO alert_thresholds AS t (robot_id, metric_type, warning_threshold, critical_threshold)
    SELECT l.robot_id, l.metric, c.warning, c.critical
      FROM configured_limits l, LATERAL robots_limit_columns(l.metric, NEW) c
     WHERE l.robot_id = NEW.robot_id AND l.metric IN ('battery', 'temperature')
       AND (l.warning, l.critical) IS DISTINCT FROM (c.warning, c.critical)
    ON CONFLICT (robot_id, metric_type) DO UPDATE
       SET warning_threshold = excluded.warning_threshold,
           critical_threshold = excluded.critical_threshold,
           warning_recovery = CASE WHEN sign(t.warning_recovery - excluded.warning_threshold)
                                      = sign(t.warning_recovery - t.warning_threshold)
                                   THEN t.warning_recovery END,
           critical_recovery = CASE WHEN sign(t.critical_recovery - excluded.critical_threshold)
                                       = sign(t.critical_recovery - t.critical_threshold)
                                    THEN t.critical_recovery END;
    RETURN NULL;
END $$;
CREATE TRIGGER robots_50_limits_insert AFTER INSERT ON robots
    FOR EACH ROW EXECUTE FUNCTION robots_to_thresholds();
CREATE TRIGGER robots_50_limits_update AFTER UPDATE ON robots
    FOR EACH ROW WHEN (
        (OLD.battery_threshold_low, OLD.battery_threshold_critical,
         OLD.temp_threshold_warning, OLD.temp_threshold_critical) IS DISTINCT FROM
        (NEW.battery_threshold_low, NEW.battery_threshold_critical,
         NEW.temp_threshold_warning, NEW.temp_threshold_critical))
    EXECUTE FUNCTION robots_to_thresholds();

CREATE FUNCTION robots_take_limits(which varchar, of_metric varchar) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF of_metric = 'battery' THEN
        UPDATE robots r SET battery_threshold_low = l.warning, battery_threshold_critical = l.critical
          FROM configured_limits l
         WHERE l.robot_id = r.robot_id AND l.metric = of_metric
           AND (which IS NULL OR r.robot_id = which)
           AND (r.battery_threshold_low, r.battery_threshold_critical)
               IS DISTINCT FROM (l.warning, l.critical);
    ELSIF of_metric = 'temperature' THEN
        UPDATE robots r SET temp_threshold_warning = l.warning, temp_threshold_critical = l.critical
          FROM configured_limits l
         WHERE l.robot_id = r.robot_id AND l.metric = of_metric
           AND (which IS NULL OR r.robot_id = which)
           AND (r.temp_threshold_warning, r.temp_threshold_critical)
               IS DISTINCT FROM (l.warning, l.critical);
    END IF;
END $$;

CREATE FUNCTION thresholds_to_robots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM robots_take_limits(OLD.robot_id, OLD.metric_type);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM robots_take_limits(NEW.robot_id, NEW.metric_type);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_thresholds_50_robots AFTER INSERT OR UPDATE OR DELETE ON alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION thresholds_to_robots();

-- An older fleet set these columns without rows: each pair that differs from the defaults becomes a
-- row, whole, where it makes sense. Where there is a row it wins. What is taken over, and what a
-- column held before it followed its row, is kept in repaired_values. Meanwhile the columns write no
-- rows: of two pairs out of step, the one would be written back by stepping the other.
ALTER TABLE robots DISABLE TRIGGER robots_50_limits_update;
WITH taken AS (
    INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold)
    SELECT r.robot_id, m.metric, c.warning, c.critical
      FROM robots r
      JOIN (SELECT *, CASE direction WHEN 'high' THEN 1 ELSE -1 END AS bad FROM metrics) m
        ON m.metric IN ('battery', 'temperature')
      JOIN configured_limits l ON l.robot_id = r.robot_id AND l.metric = m.metric,
           LATERAL robots_limit_columns(m.metric, r) c
     WHERE (c.warning, c.critical) <> (m.warning, m.critical)
       AND (c.warning, c.critical) IS DISTINCT FROM (l.warning, l.critical)
       AND c.critical * m.bad > c.warning * m.bad
       AND c.warning - m.bad * m.recovery_margin > m.lowest
       AND c.warning - m.bad * m.recovery_margin < m.highest
       AND c.critical - m.bad * m.recovery_margin > m.lowest
       AND c.critical - m.bad * m.recovery_margin < m.highest
       AND c.warning > m.lowest AND c.warning < m.highest
       AND c.critical > m.lowest AND c.critical < m.highest
    ON CONFLICT DO NOTHING
    RETURNING *)
INSERT INTO repaired_values (by, table_name, row_id, column_name, before, after, why)
SELECT 'upgrade', 'alert_thresholds', id::text, '*', NULL,
       jsonb_build_object('robot_id', robot_id, 'metric', metric_type,
                          'warning', warning_threshold, 'critical', critical_threshold),
       'taken over from the columns of its robot'
  FROM taken;

INSERT INTO repaired_values (by, table_name, row_id, column_name, before, after, why)
SELECT 'upgrade', 'robots', r.id::text, o.column_name, to_jsonb(o.before), to_jsonb(o.after),
       'follows the limit that counts: ' || CASE
           WHEN l.source = 'robot' THEN 'the robot has a row in alert_thresholds'
           WHEN (c.warning, c.critical) = (m.warning, m.critical) THEN 'it was the default'
           ELSE 'the pair makes no limits' END
  FROM robots r
  JOIN configured_limits l ON l.robot_id = r.robot_id AND l.metric IN ('battery', 'temperature')
  JOIN metrics m ON m.metric = l.metric,
       LATERAL robots_limit_columns(l.metric, r) c,
       LATERAL (VALUES
           (CASE l.metric WHEN 'battery' THEN 'battery_threshold_low' ELSE 'temp_threshold_warning' END,
            c.warning, l.warning),
           (CASE l.metric WHEN 'battery' THEN 'battery_threshold_critical' ELSE 'temp_threshold_critical' END,
            c.critical, l.critical)) AS o(column_name, before, after)
 WHERE o.before IS DISTINCT FROM o.after;
SELECT robots_take_limits(NULL, 'battery'), robots_take_limits(NULL, 'temperature');
ALTER TABLE robots ENABLE TRIGGER robots_50_limits_update;
