-- An alert that opens and ends again and again is told once and held together until it settles.
-- depends: 0019a_mutes

CREATE TABLE alert_flaps (
    id           serial PRIMARY KEY,
    metric       varchar(50) NOT NULL,
    robot_id     varchar(50) NOT NULL,
    severity     varchar(20) NOT NULL,
    alert_id     integer NOT NULL,
    openings     integer NOT NULL,
    began_at     timestamptz NOT NULL,
    last_opening timestamptz NOT NULL,
    ended_at     timestamptz
);
COMMENT ON TABLE alert_flaps IS 'When alerts of a metric of a robot flapped. alert_id is the one of which people were told, severity how bad that was; robot_id is empty for the stack as a whole.';
CREATE UNIQUE INDEX alert_flaps_running ON alert_flaps (metric, robot_id) WHERE ended_at IS NULL;
CREATE INDEX alert_flaps_alert ON alert_flaps (alert_id);

ALTER TABLE alerts ADD COLUMN flap_id integer REFERENCES alert_flaps ON DELETE SET NULL;
COMMENT ON COLUMN alerts.flap_id IS 'Alerts with the same one belong together.';
CREATE INDEX alerts_flap ON alerts (flap_id) WHERE flap_id IS NOT NULL;

-- As in 0019a; that it flaps no more is the end of what was told of it.
CREATE OR REPLACE FUNCTION alert_timeline_awaits_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notification_waiting
    SELECT id FROM new_rows WHERE kind IN ('opened', 'raised', 'resolved', 'unmuted', 'settled')
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
