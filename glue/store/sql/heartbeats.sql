-- name: beat
-- A sign of life; listened is the listening clock's and only its owner changes it.
INSERT INTO heartbeats (name, beat_at, details) VALUES (%(name)s, %(at)s, %(details)s)
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, details = excluded.details;

-- name: read
SELECT name, beat_at, listened, details FROM heartbeats;
