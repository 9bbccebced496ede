-- What happens to alerts and robots, in a form that a listener can pick up where it left off; and an
-- emergency stop as an alert, which robots tell themselves (origin `events`).
-- depends: 0008_sync

-- A listener knows up to which transaction it has seen everything (txid_snapshot_xmin); it reads
-- what others did since. Kept for an hour. NOTIFY only says that it is worth a look.
CREATE TABLE live_changes (
    id    bigserial PRIMARY KEY,
    txid  bigint NOT NULL DEFAULT txid_current(),
    at    timestamptz NOT NULL DEFAULT now(),
    topic text NOT NULL,
    key   text NOT NULL
);
COMMENT ON TABLE live_changes IS 'Changes of the last hour: topic is the table, key names the row, * any.';
CREATE INDEX live_changes_txid ON live_changes (txid);

-- One statement may change a million alerts: beyond a hundred rows it is told as a whole ('*').
CREATE FUNCTION alerts_told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT array_agg(o.id) INTO told FROM (SELECT id FROM old_rows LIMIT 101) o;
    ELSE
        SELECT array_agg(n.id) INTO told FROM (SELECT id FROM new_rows LIMIT 101) n;
    END IF;
    IF cardinality(told) > 100 THEN
        told := ARRAY['*'];
    END IF;
    INSERT INTO live_changes (topic, key) SELECT 'alerts', unnest(told);
    PERFORM pg_notify('tonypi_changes',
                      json_build_object('table', 'alerts', 'key', nullif(key, '*'))::text)
       FROM unnest(told) AS key;
    RETURN NULL;
END $$;
CREATE TRIGGER alerts_95_told_insert AFTER INSERT ON alerts
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION alerts_told();
CREATE TRIGGER alerts_95_told_update AFTER UPDATE ON alerts
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION alerts_told();
CREATE TRIGGER alerts_95_told_delete AFTER DELETE ON alerts
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION alerts_told();

-- Row by row, because nearly all updates are signs of life (last_seen, heard_at, location,
-- system_info) and no news: see robots_90_updated_at.
CREATE FUNCTION robot_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO live_changes (topic, key) VALUES ('robots', OLD.robot_id);
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND NEW.robot_id <> OLD.robot_id THEN
        INSERT INTO live_changes (topic, key) VALUES ('robots', NEW.robot_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER robots_85_live AFTER INSERT OR DELETE ON robots
    FOR EACH ROW EXECUTE FUNCTION robot_told();
CREATE TRIGGER robots_85_live_update AFTER UPDATE ON robots
    FOR EACH ROW WHEN (OLD.updated_at IS DISTINCT FROM NEW.updated_at) EXECUTE FUNCTION robot_told();

ALTER TABLE robots
    ADD COLUMN emergency_reason varchar(500),
    ADD COLUMN emergency_at timestamptz;
COMMENT ON COLUMN robots.emergency_at IS 'Since when it is in emergency stop, as far as we know.';

CREATE OR REPLACE FUNCTION alerts_mended(r alerts) RETURNS alerts LANGUAGE plpgsql STABLE AS $$
DECLARE
    said text;
BEGIN
    IF r.alert_type NOT IN ('temperature', 'battery', 'servo', 'system', 'network', 'performance') THEN
        said := lower(btrim(r.alert_type));
        r.alert_type := CASE
            WHEN said ~ 'servo' THEN 'servo' WHEN said ~ 'temp' THEN 'temperature'
            WHEN said ~ 'batt' THEN 'battery' WHEN said ~ 'cpu|mem|disk|perf' THEN 'performance'
            WHEN said ~ 'net|connect|offline' THEN 'network' ELSE 'system' END;
    END IF;
    IF r.severity NOT IN ('critical', 'warning', 'info') THEN
        said := lower(btrim(r.severity));
        r.severity := CASE
            WHEN said IN ('error', 'fatal', 'high', 'severe', 'emergency', 'alert', 'crit') THEN 'critical'
            WHEN said IN ('low', 'notice', 'debug', 'information', 'informational', 'ok') THEN 'info'
            ELSE 'warning' END;
    END IF;
    IF r.origin NOT IN ('push', 'pull', 'standby', 'person', 'events') THEN
        r.origin := NULL;
    END IF;
    IF r.acknowledged AND r.acknowledged_at IS NULL THEN
        r.acknowledged_at := r.created_at;
    END IF;
    IF r.resolved AND r.resolved_at IS NULL THEN
        r.resolved_at := greatest(r.created_at, r.acknowledged_at);
    END IF;
    IF jsonb_typeof(r.details) <> 'object' THEN
        r.details := CASE jsonb_typeof(r.details) WHEN 'null' THEN NULL
                                                  ELSE jsonb_build_object('value', r.details) END;
    END IF;
    RETURN r;
END $$;
ALTER TABLE alerts
    DROP CONSTRAINT IF EXISTS alerts_origin,
    ADD CONSTRAINT alerts_origin
        CHECK (origin IN ('push', 'pull', 'standby', 'person', 'events')) NOT VALID;
ALTER TABLE alert_timeline
    DROP CONSTRAINT IF EXISTS alert_timeline_origin,
    ADD CONSTRAINT alert_timeline_origin
        CHECK (origin IN ('push', 'pull', 'standby', 'person', 'events')) NOT VALID;

COMMENT ON TABLE heartbeats IS 'Signs of life: events, pull, standby, webhook, evaluator, metrics, retention.';
