-- Reports are made by jobs, which survive whoever works on them: a lease says who does.
-- depends: 0017_notifications

CREATE TABLE report_jobs (
    id           serial PRIMARY KEY,
    request      jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    progress     double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    step         text NOT NULL DEFAULT '',
    attempts     integer NOT NULL DEFAULT 0,
    next_try_at  timestamptz NOT NULL DEFAULT now(),
    lease        uuid,
    lease_until  timestamptz,
    error        text,
    report_id    integer REFERENCES reports ON DELETE SET NULL,
    created_by   varchar(100) NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    cancelled_by varchar(100)
);
COMMENT ON COLUMN report_jobs.lease IS 'Of the try under way: who has another one may not finish it.';
CREATE INDEX report_jobs_open ON report_jobs (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX report_jobs_report ON report_jobs (report_id);
CREATE INDEX report_jobs_finished ON report_jobs (finished_at);
