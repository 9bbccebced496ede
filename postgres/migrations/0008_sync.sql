-- What we made in Grafana, so that others' objects are never touched; and what people changed, so
-- that Grafana can mark it in time. A trigger writes the changes, so that one made by plain SQL is
-- seen like one made through the API, which says who (`tonypi.actor`).
-- depends: 0007_pipeline

CREATE TABLE grafana_objects (
    kind       text NOT NULL,
    name       text NOT NULL,
    grafana_id bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name)
);
COMMENT ON TABLE grafana_objects IS 'Users and teams of Grafana that are ours, with its ids.';

CREATE TABLE fleet_changes (
    id       bigserial PRIMARY KEY,
    txid     bigint NOT NULL DEFAULT txid_current(),
    at       timestamptz NOT NULL DEFAULT now(),
    until    timestamptz,
    actor    text DEFAULT nullif(current_setting('tonypi.actor', true), ''),
    kind     text NOT NULL,
    robot_id varchar(50),
    metric   varchar(50),
    before   jsonb,
    after    jsonb,
    CONSTRAINT fleet_changes_kind CHECK (kind IN ('limits', 'maintenance', 'activation'))
);
COMMENT ON TABLE fleet_changes IS 'What changed which alerts there can be. robot_id NULL: the fleet.';
COMMENT ON COLUMN fleet_changes.txid IS 'Changes of one transaction are told together.';
COMMENT ON COLUMN fleet_changes.until IS 'End of a maintenance; NULL: still going on, or a moment.';
CREATE INDEX fleet_changes_at ON fleet_changes (at);
CREATE INDEX fleet_changes_robot ON fleet_changes (robot_id, at);

CREATE FUNCTION limits_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_row jsonb; new_row jsonb;
    shown text[] := '{warning_threshold,critical_threshold,warning_recovery,critical_recovery,enabled}';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_row := (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(OLD)) WHERE key = ANY (shown));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_row := (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(NEW)) WHERE key = ANY (shown));
    END IF;
    IF old_row IS DISTINCT FROM new_row THEN
        INSERT INTO fleet_changes (kind, robot_id, metric, before, after)
        VALUES ('limits', CASE TG_OP WHEN 'DELETE' THEN OLD.robot_id ELSE NEW.robot_id END,
                CASE TG_OP WHEN 'DELETE' THEN OLD.metric_type ELSE NEW.metric_type END, old_row, new_row);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_thresholds_80_changes AFTER INSERT OR UPDATE OR DELETE ON alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION limits_changed();

CREATE FUNCTION robot_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status = 'maintenance') <> (NEW.status = 'maintenance') THEN
        IF NEW.status = 'maintenance' THEN
            INSERT INTO fleet_changes (kind, robot_id) VALUES ('maintenance', NEW.robot_id);
        ELSE
            UPDATE fleet_changes SET until = now()
             WHERE robot_id = NEW.robot_id AND kind = 'maintenance' AND until IS NULL;
        END IF;
    END IF;
    IF (OLD.is_active AND OLD.registration = 'accepted')
       <> (NEW.is_active AND NEW.registration = 'accepted') THEN
        INSERT INTO fleet_changes (kind, robot_id, before, after)
        VALUES ('activation', NEW.robot_id,
                to_jsonb(OLD.is_active AND OLD.registration = 'accepted'),
                to_jsonb(NEW.is_active AND NEW.registration = 'accepted'));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER robots_80_changes AFTER UPDATE ON robots
    FOR EACH ROW WHEN ((OLD.status, OLD.is_active, OLD.registration)
                       IS DISTINCT FROM (NEW.status, NEW.is_active, NEW.registration))
    EXECUTE FUNCTION robot_changed();
