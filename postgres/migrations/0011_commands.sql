-- What people told robots to do and what the robots answered, so that years later one can read who
-- moved what; and jobs that people asked for, found by their command.
-- depends: 0008_sync

CREATE TABLE commands (
    id          uuid PRIMARY KEY,
    robot_id    varchar(50),
    type        varchar(20) NOT NULL,
    payload     jsonb NOT NULL DEFAULT '{}',
    asked_by    text NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    deadline    timestamptz,
    state       varchar(20) NOT NULL DEFAULT 'sent',
    answer      text,
    data        jsonb,
    answered_at timestamptz,
    CONSTRAINT commands_state CHECK (state IN ('unsent', 'sent', 'answered', 'refused', 'timed out')),
    CONSTRAINT commands_sent CHECK ((state = 'unsent') = (sent_at IS NULL))
);
COMMENT ON TABLE commands IS 'Commands to robots and the robots'' answers.';
COMMENT ON COLUMN commands.robot_id IS 'NULL: all robots; what each answered stands in command_answers.';
COMMENT ON COLUMN commands.deadline IS 'Until then an answer is waited for. A later one is still recorded.';
COMMENT ON COLUMN commands.state IS 'unsent: the broker was away. Of all robots: answered when all who were expected to answer did.';
COMMENT ON COLUMN commands.data IS 'What the answer holds besides its words, as for battery_request.';
CREATE INDEX commands_asked ON commands (asked_at DESC, id);
CREATE INDEX commands_robot_asked ON commands (robot_id, asked_at DESC);
CREATE INDEX commands_open ON commands (deadline) WHERE state = 'sent';

CREATE TABLE command_answers (
    command_id  uuid NOT NULL REFERENCES commands ON DELETE CASCADE,
    robot_id    varchar(50) NOT NULL,
    expected    boolean NOT NULL DEFAULT false,
    success     boolean,
    message     text,
    answered_at timestamptz,
    PRIMARY KEY (command_id, robot_id)
);
COMMENT ON TABLE command_answers IS 'Of a command to all robots: what each answered.';
COMMENT ON COLUMN command_answers.expected IS 'The robot was there when the command was sent.';

-- Few jobs have been asked for through us; each is found by its command.
CREATE INDEX jobs_command ON jobs ((details ->> 'command_id')) WHERE details ? 'command_id';
