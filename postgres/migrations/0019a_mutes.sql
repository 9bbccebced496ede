-- Nobody is told of what is muted: one alert until a time or its end, or whatever a standing mute
-- names. What was held back is told when the mute ends and the alert still is there.
-- depends: 0019_groups

CREATE TABLE mutes (
    id         serial PRIMARY KEY,
    robots     text[] NOT NULL DEFAULT '{}',
    groups     text[] NOT NULL DEFAULT '{}',
    metrics    text[] NOT NULL DEFAULT '{}',
    types      text[] NOT NULL DEFAULT '{}',
    until      timestamptz,
    comment    text,
    created_by varchar(100) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mutes_something CHECK (cardinality(robots || groups || metrics || types) > 0)
);
COMMENT ON TABLE mutes IS 'Standing mutes. Each list is patterns like lab-*; an empty one lets everything through.';
COMMENT ON COLUMN mutes.until IS 'NULL: until somebody removes it.';

ALTER TABLE alerts
    ADD COLUMN muted_by varchar(100),
    ADD COLUMN muted_until timestamptz,
    ADD COLUMN quiet_reason text;
COMMENT ON COLUMN alerts.muted_by IS 'Who muted this one alert; NULL: nobody did.';
COMMENT ON COLUMN alerts.muted_until IS 'With muted_by; NULL: until it ends.';
COMMENT ON COLUMN alerts.quiet_reason IS 'Why nobody is told of it: a mute of its own or a standing one; NULL: people are told.';
CREATE INDEX alerts_quiet ON alerts (id) WHERE quiet_reason IS NOT NULL AND NOT resolved;

-- As in 0017; an alert that is muted no more may have something to tell.
CREATE OR REPLACE FUNCTION alert_timeline_awaits_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notification_waiting
    SELECT id FROM new_rows WHERE kind IN ('opened', 'raised', 'resolved', 'unmuted')
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
