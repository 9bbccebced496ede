-- A changed limit of one robot looks that robot up, not through the whole fleet: a thousand robots
-- changed together took a thousand looks at a thousand rows.
-- depends: 0010_robots

-- As in 0004, with a plan of its own for one robot.
CREATE OR REPLACE FUNCTION robots_take_limits(which varchar, of_metric varchar) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF of_metric = 'battery' AND which IS NULL THEN
        UPDATE robots r SET battery_threshold_low = l.warning, battery_threshold_critical = l.critical
          FROM configured_limits l
         WHERE l.robot_id = r.robot_id AND l.metric = 'battery'
           AND (r.battery_threshold_low, r.battery_threshold_critical)
               IS DISTINCT FROM (l.warning, l.critical);
    ELSIF of_metric = 'battery' THEN
        UPDATE robots r SET battery_threshold_low = l.warning, battery_threshold_critical = l.critical
          FROM configured_limits l
         WHERE r.robot_id = which AND l.robot_id = which AND l.metric = 'battery'
           AND (r.battery_threshold_low, r.battery_threshold_critical)
               IS DISTINCT FROM (l.warning, l.critical);
    ELSIF of_metric = 'temperature' AND which IS NULL THEN
        UPDATE robots r SET temp_threshold_warning = l.warning, temp_threshold_critical = l.critical
          FROM configured_limits l
         WHERE l.robot_id = r.robot_id AND l.metric = 'temperature'
           AND (r.temp_threshold_warning, r.temp_threshold_critical)
               IS DISTINCT FROM (l.warning, l.critical);
    ELSIF of_metric = 'temperature' THEN
        UPDATE robots r SET temp_threshold_warning = l.warning, temp_threshold_critical = l.critical
          FROM configured_limits l
         WHERE r.robot_id = which AND l.robot_id = which AND l.metric = 'temperature'
           AND (r.temp_threshold_warning, r.temp_threshold_critical)
               IS DISTINCT FROM (l.warning, l.critical);
    END IF;
END $$;
