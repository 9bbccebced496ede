-- Sessions of people, whose refresh tokens rotate, and tokens of machines: kept as hashes only. A
-- changed password or a deactivation ends them here, whichever door it came through (API, command,
-- plain SQL, older code). The last active admin stays one.
-- depends: 0008_sync

-- Both name their user without a foreign key: an adopted users.id may be of another kind. The
-- triggers below remove what a removed user leaves.
CREATE TABLE sessions (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    address      text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    ended_at     timestamptz,
    end_reason   text,
    CONSTRAINT sessions_end CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_user ON sessions (user_id, created_at DESC);
CREATE INDEX sessions_over ON sessions (coalesce(ended_at, expires_at));

-- A session's refresh tokens, the newest not rotated yet. The older ones stay, so that one that
-- comes again is known.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY CONSTRAINT refresh_tokens_hash CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz,
    successor  bytea
);
CREATE UNIQUE INDEX refresh_tokens_one_newest ON refresh_tokens (session_id) WHERE rotated_at IS NULL;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- user_id: whose it is; NULL for a machine's, which has a role of its own.
CREATE TABLE machine_tokens (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         text NOT NULL CONSTRAINT machine_tokens_name CHECK (length(name) BETWEEN 1 AND 40),
    user_id      text,
    role         text CONSTRAINT machine_tokens_role CHECK (role IN ('admin', 'operator', 'viewer')),
    scopes       text[] NOT NULL CONSTRAINT machine_tokens_scopes CHECK (cardinality(scopes) > 0),
    token_hash   bytea NOT NULL UNIQUE CONSTRAINT machine_tokens_hash CHECK (length(token_hash) = 32),
    hint         text NOT NULL,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text,
    CONSTRAINT machine_tokens_owner CHECK ((user_id IS NULL) = (role IS NOT NULL))
);
CREATE UNIQUE INDEX machine_tokens_one_name
    ON machine_tokens (coalesce(user_id, ''), lower(name)) WHERE revoked_at IS NULL;

CREATE FUNCTION end_access_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM sessions WHERE user_id = OLD.id::text;
        DELETE FROM machine_tokens WHERE user_id = OLD.id::text;
        RETURN NULL;
    END IF;
    UPDATE sessions
       SET ended_at = now(),
           end_reason = CASE WHEN NEW.is_active THEN 'password changed' ELSE 'deactivated' END
     WHERE user_id = NEW.id::text AND ended_at IS NULL;
    -- A token of one's own outlives a changed password, as it was never derived from it; who is
    -- deactivated does not find it valid again later.
    IF NOT NEW.is_active THEN
        UPDATE machine_tokens SET revoked_at = now(), revoked_by = 'deactivation'
         WHERE user_id = NEW.id::text AND revoked_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
-- The same password in a newer kind of hash is no change: who writes it says so (tonypi.rehash).
CREATE TRIGGER users_80_end_access AFTER UPDATE ON users FOR EACH ROW
    WHEN ((OLD.password_hash IS DISTINCT FROM NEW.password_hash
           AND coalesce(current_setting('tonypi.rehash', true), '') <> 'on')
          OR (OLD.is_active AND NOT NEW.is_active))
    EXECUTE FUNCTION end_access_of_user();
CREATE TRIGGER users_80_end_access_deleted AFTER DELETE ON users FOR EACH ROW
    EXECUTE FUNCTION end_access_of_user();

-- The lock makes two who each take the other's role wait for one another; then the second sees it.
CREATE FUNCTION keep_last_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('tonypi:last admin'));
    IF NOT EXISTS (SELECT FROM users WHERE role = 'admin' AND is_active AND id <> OLD.id) THEN
        RAISE EXCEPTION 'the last active admin can neither be deactivated nor get another role'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'users_last_admin',
                  HINT = 'make somebody else admin first';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER users_20_last_admin BEFORE UPDATE ON users FOR EACH ROW
    WHEN (OLD.role = 'admin' AND OLD.is_active AND NOT (NEW.role = 'admin' AND NEW.is_active))
    EXECUTE FUNCTION keep_last_admin();
