-- Every transition of an episode reaches the people it concerns, once: targets, routes, an outbox.
-- depends: 0014_idempotency

CREATE TABLE notification_targets (
    id                serial PRIMARY KEY,
    name              varchar(60) NOT NULL UNIQUE,
    scheme            varchar(30) NOT NULL,
    masked            text NOT NULL,
    sealed            text NOT NULL,
    title_template    text,
    body_template     text,
    enabled           boolean NOT NULL DEFAULT true,
    created_by        varchar(50) NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    last_delivered_at timestamptz,
    failing_since     timestamptz,
    last_error        text
);
COMMENT ON COLUMN notification_targets.sealed IS 'The address with its credentials, encrypted under GLUE_SECRET_KEY.';
COMMENT ON COLUMN notification_targets.masked IS 'The address without them, for people.';

CREATE TABLE notification_routes (
    id             serial PRIMARY KEY,
    name           varchar(60) NOT NULL UNIQUE,
    position       integer NOT NULL,
    enabled        boolean NOT NULL DEFAULT true,
    severities     text[] NOT NULL DEFAULT '{}',
    types          text[] NOT NULL DEFAULT '{}',
    metrics        text[] NOT NULL DEFAULT '{}',
    robots         text[] NOT NULL DEFAULT '{}',
    hours          jsonb,
    quiet_hours    jsonb,
    targets        integer[] NOT NULL,
    escalate_after double precision CHECK (escalate_after > 0),
    escalate_to    integer[] NOT NULL DEFAULT '{}',
    repeat_every   double precision CHECK (repeat_every > 0),
    send_resolved  boolean NOT NULL DEFAULT true,
    group_wait     double precision NOT NULL DEFAULT 1 CHECK (group_wait >= 0),
    group_interval double precision NOT NULL DEFAULT 60 CHECK (group_interval >= 0),
    go_on          boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE notification_routes IS 'Who is told of what; the first by position that fits, and the next ones where go_on.';
COMMENT ON COLUMN notification_routes.robots IS 'Patterns like lab-*; an empty list, here and in the other conditions, lets everything through.';
COMMENT ON COLUMN notification_routes.group_interval IS 'Seconds between two messages of one cause that concerns the stack or many robots.';

-- Filled with each transition, in its transaction, whoever writes it; emptied by who queues.
CREATE TABLE notification_waiting (
    transition_id bigint PRIMARY KEY REFERENCES alert_timeline ON DELETE CASCADE
);
COMMENT ON TABLE notification_waiting IS 'Transitions of which it is not decided yet who is told.';

CREATE FUNCTION alert_timeline_awaits_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notification_waiting
    SELECT id FROM new_rows WHERE kind IN ('opened', 'raised', 'resolved')
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_timeline_95_notify AFTER INSERT ON alert_timeline
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION alert_timeline_awaits_notification();

CREATE TABLE notification_outbox (
    id            bigserial PRIMARY KEY,
    alert_id      integer NOT NULL REFERENCES alerts ON DELETE CASCADE,
    transition_id bigint NOT NULL REFERENCES alert_timeline ON DELETE CASCADE,
    occasion      text NOT NULL
        CHECK (occasion IN ('opened', 'raised', 'resolved', 'escalated', 'repeated')),
    round         integer NOT NULL DEFAULT 0,
    target_id     integer REFERENCES notification_targets ON DELETE SET NULL,
    target_name   varchar(60) NOT NULL,
    route_id      integer REFERENCES notification_routes ON DELETE SET NULL,
    route_name    varchar(60) NOT NULL,
    group_key     text NOT NULL,
    state         text NOT NULL
        CHECK (state IN ('queued', 'leased', 'delivered', 'given up', 'suppressed')),
    reason        text,
    held          boolean NOT NULL DEFAULT false,
    due_at        timestamptz NOT NULL,
    next_try_at   timestamptz NOT NULL,
    lease_until   timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    last_error    text,
    batch         bigint,
    message       jsonb,
    created_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    UNIQUE (transition_id, occasion, round, target_id)
);
COMMENT ON TABLE notification_outbox IS 'One row per (episode, transition, target), and what became of it.';
COMMENT ON COLUMN notification_outbox.batch IS 'Rows of one message share the id of its first row, which holds the message.';
COMMENT ON COLUMN notification_outbox.held IS 'Kept back until quiet hours end.';
CREATE INDEX notification_outbox_due ON notification_outbox (next_try_at)
    WHERE state IN ('queued', 'leased');
CREATE INDEX notification_outbox_alert ON notification_outbox (alert_id, target_id);
CREATE INDEX notification_outbox_target ON notification_outbox (target_id, group_key, due_at);
CREATE INDEX notification_outbox_batch ON notification_outbox (batch);
CREATE INDEX notification_outbox_finished ON notification_outbox (finished_at);
CREATE INDEX notification_outbox_route ON notification_outbox (route_id);
