-- Reports that come by themselves, and to whom they are sent.
-- depends: 0020_report_jobs

CREATE TABLE report_schedules (
    id          serial PRIMARY KEY,
    name        varchar(60) NOT NULL UNIQUE,
    enabled     boolean NOT NULL DEFAULT true,
    request     jsonb NOT NULL,
    cron        text NOT NULL,
    zone        text NOT NULL,
    covers      text NOT NULL CHECK (covers IN ('day', 'week', 'month')),
    format      text NOT NULL DEFAULT 'pdf' CHECK (format IN ('pdf', 'html', 'csv', 'json')),
    targets     integer[] NOT NULL DEFAULT '{}',
    next_run_at timestamptz NOT NULL,
    last_run_at timestamptz,
    missed      integer NOT NULL DEFAULT 0,
    created_by  varchar(100) NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN report_schedules.request IS 'What a report is asked to be about, without its period, which follows from covers.';
COMMENT ON COLUMN report_schedules.missed IS 'Runs that were left out because a later one was due when the glue was back.';
CREATE INDEX report_schedules_due ON report_schedules (next_run_at) WHERE enabled;

ALTER TABLE report_jobs
    ADD COLUMN schedule_id integer REFERENCES report_schedules ON DELETE SET NULL,
    ADD COLUMN due_at timestamptz,
    -- Two processes that see the same run due make one job.
    ADD CONSTRAINT report_jobs_one_run UNIQUE (schedule_id, due_at);

CREATE TABLE report_deliveries (
    id          serial PRIMARY KEY,
    report_id   integer NOT NULL REFERENCES reports ON DELETE CASCADE,
    schedule_id integer REFERENCES report_schedules ON DELETE SET NULL,
    target_id   integer REFERENCES notification_targets ON DELETE SET NULL,
    target_name varchar(60) NOT NULL,
    format      text NOT NULL,
    state       text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'leased', 'delivered', 'given up')),
    sent_as     text CHECK (sent_as IN ('attachment', 'link')),
    attempts    integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    last_error  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (report_id, target_id)
);
CREATE INDEX report_deliveries_due ON report_deliveries (next_try_at)
    WHERE state IN ('queued', 'leased');
CREATE INDEX report_deliveries_schedule ON report_deliveries (schedule_id, id);
CREATE INDEX report_deliveries_target ON report_deliveries (target_id);

CREATE TABLE report_links (
    token_hash bytea PRIMARY KEY,
    report_id  integer NOT NULL REFERENCES reports ON DELETE CASCADE,
    format     text NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE report_links IS 'Links that open one file without an account, until they expire.';
CREATE INDEX report_links_report ON report_links (report_id);
CREATE INDEX report_links_expires ON report_links (expires_at);
