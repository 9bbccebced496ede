-- When each rule fired for each robot, past and present: what episodes are made of. It takes the
-- place of alert_instances, which knew only the last of each and stays for a glue of before.
-- depends: 0017_notifications

CREATE TABLE alert_occurrences (
    id          bigserial PRIMARY KEY,
    metric      varchar(50) NOT NULL,
    robot_id    varchar(50) NOT NULL DEFAULT '',
    severity    varchar(20) NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    starts_at   timestamptz NOT NULL,
    ended_at    timestamptz CHECK (ended_at >= starts_at),
    start_known boolean NOT NULL DEFAULT true,
    end_known   boolean NOT NULL DEFAULT false,
    origin      varchar(20) NOT NULL,
    ended_by    varchar(20),
    reason      text,
    threshold   double precision,
    recovery    double precision,
    fingerprint text NOT NULL DEFAULT '',
    alert_id    integer NOT NULL REFERENCES alerts ON DELETE CASCADE,
    CONSTRAINT alert_occurrences_once UNIQUE (metric, robot_id, severity, starts_at) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE alert_occurrences IS 'When each rule fired for each robot; robot_id is empty for the stack as a whole. An open one fires now.';
COMMENT ON COLUMN alert_occurrences.start_known IS 'False: it began at starts_at or before.';
COMMENT ON COLUMN alert_occurrences.end_known IS 'False: it ended at ended_at or before.';
COMMENT ON COLUMN alert_occurrences.threshold IS 'The limit it began under, recovery its recovery limit.';
CREATE UNIQUE INDEX alert_occurrences_one_open ON alert_occurrences (metric, robot_id, severity)
    WHERE ended_at IS NULL;
CREATE INDEX alert_occurrences_ended ON alert_occurrences (metric, robot_id, (coalesce(ended_at, 'infinity')));
CREATE INDEX alert_occurrences_alert ON alert_occurrences (alert_id);

INSERT INTO alert_occurrences (metric, robot_id, severity, starts_at, ended_at, end_known, origin,
                               ended_by, fingerprint, alert_id)
SELECT metric, robot_id, severity, starts_at,
       CASE WHEN NOT firing THEN greatest(ended_at, starts_at) END, NOT firing,
       coalesce(origin, 'pull'), CASE WHEN NOT firing THEN coalesce(origin, 'pull') END,
       coalesce(fingerprint, ''), alert_id
  FROM alert_instances
 WHERE alert_id IS NOT NULL AND starts_at IS NOT NULL AND (firing OR ended_at IS NOT NULL);

COMMENT ON TABLE alert_instances IS 'As alert_occurrences, the last of each only: of a glue before them.';
