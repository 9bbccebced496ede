-- A create that a client sends twice, because it did not see the first answer, happens once.
-- depends: 0008_sync

CREATE TABLE idempotency_keys (
    user_id     varchar(36) NOT NULL,
    key         varchar(200) NOT NULL,
    method      varchar(10) NOT NULL,
    path        text NOT NULL,
    fingerprint bytea NOT NULL,
    status      smallint,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, key),
    CONSTRAINT idempotency_keys_whole CHECK (status IS NULL OR headers IS NOT NULL)
);
COMMENT ON TABLE idempotency_keys IS 'Answers to creates, by the Idempotency-Key that came with them; a day old, they go.';
COMMENT ON COLUMN idempotency_keys.status IS 'NULL: the first request is still at work, since created_at.';
COMMENT ON COLUMN idempotency_keys.body IS 'NULL: the answer held a secret, which is not kept.';
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
