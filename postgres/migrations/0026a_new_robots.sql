-- A robot that is added, or registers itself, is marked on the charts too: from then on there can be
-- alerts of it. The kind is that of being switched on, with nothing before.
-- depends: 0008_sync 0010_robots

CREATE FUNCTION robot_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fleet_changes (kind, robot_id, after) VALUES ('activation', NEW.robot_id, 'true');
    RETURN NULL;
END $$;
CREATE TRIGGER robots_80_added AFTER INSERT ON robots
    FOR EACH ROW WHEN (NEW.is_active AND NEW.registration = 'accepted')
    EXECUTE FUNCTION robot_added();
