-- Silences of Grafana, as they were seen last: they hold for the glue's own messages too.
-- depends: 0019c_flapping

CREATE TABLE grafana_silences (
    id         text PRIMARY KEY,
    matchers   jsonb NOT NULL,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    created_by text NOT NULL,
    comment    text NOT NULL,
    alert_id   integer,
    seen_at    timestamptz NOT NULL
);
COMMENT ON TABLE grafana_silences IS 'Those that hold or are to come. While Grafana is away they hold until their ends.';
COMMENT ON COLUMN grafana_silences.alert_id IS 'Ours: it mirrors that somebody looks after this alert.';

-- What the glue knows of open alerts beside the record itself: who looks after each and for how
-- long, and why nobody is told. Dashboards join it to grafana.alerts by id.
CREATE VIEW grafana.alert_attention AS
SELECT a.id, a.acknowledged_by, a.acknowledged_at,
       CASE WHEN a.acknowledged
            THEN greatest(0, extract(epoch FROM now() - a.acknowledged_at)) END::float8
           AS acknowledged_age_s,
       CASE WHEN f.id IS NOT NULL THEN 'flapping' WHEN a.quiet_reason IS NOT NULL THEN 'muted'
            WHEN a.acknowledged THEN 'acknowledged' ELSE 'open' END AS attention,
       a.quiet_reason, a.muted_by, a.muted_until, f.id IS NOT NULL AS flapping,
       f.openings AS flap_openings
  FROM public.alerts a
  LEFT JOIN public.alert_flaps f ON f.id = a.flap_id AND f.ended_at IS NULL
 WHERE NOT a.resolved;
