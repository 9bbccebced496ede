-- Indexes of tables that may be large: built after the migrations, one by one, without keeping
-- anybody from writing (CONCURRENTLY cannot run inside of a migration's transaction). The name of
-- a block is the name of what it makes; what is there already is left alone.

-- name: pg_trgm
-- Comes with PostgreSQL's contrib modules. Without it the index on text is left out, and a search
-- for a rare text reads the whole table.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- name: alerts_text
-- A rare text among a million alerts: 1,800 ms without, 7 ms with it (tests/bench/api_alerts.py).
CREATE INDEX CONCURRENTLY alerts_text ON alerts
    USING gin (lower(title || E'\n' || coalesce(message, '')) gin_trgm_ops);

-- name: alerts_pair
-- The openings of one robot and metric lately, which tell whether it flaps.
CREATE INDEX CONCURRENTLY alerts_pair ON alerts
    (metric, (coalesce(robot_id, '')), (coalesce(starts_at, created_at)));

-- name: system_logs_text
CREATE INDEX CONCURRENTLY system_logs_text ON system_logs USING gin (lower(message) gin_trgm_ops);

-- name: system_logs_troubles
-- Warnings and worse of a time range, which the dashboard of logs counts: of a week of a large fleet
-- that is a small part of all lines.
CREATE INDEX CONCURRENTLY system_logs_troubles ON system_logs (timestamp)
    WHERE level IN ('WARNING', 'ERROR', 'CRITICAL');

-- name: jobs_ended
-- The dashboard of jobs counts them by when they ended.
CREATE INDEX CONCURRENTLY jobs_ended ON jobs (end_time);
