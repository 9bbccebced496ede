-- name: beat
-- A sign of life; listened is the listening clock's and only its owner changes it.
INSERT INTO heartbeats (name, beat_at, details) VALUES (%(name)s, %(at)s, %(details)s)
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, details = excluded.details;

-- name: read
SELECT name, beat_at, listened, details FROM heartbeats;

-- name: listening
SELECT listened, beat_at FROM heartbeats WHERE name = 'events';

-- name: listen
-- Set, not added to: a batch that is written again must not run the clock twice.
INSERT INTO heartbeats (name, beat_at, listened, details)
VALUES ('events', now(), %(listened)s, %(details)s)
ON CONFLICT (name) DO UPDATE
   SET beat_at = now(), listened = greatest(heartbeats.listened, excluded.listened),
       details = excluded.details;
