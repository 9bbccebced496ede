-- Single sign-on: which browser a session is in, codes on their way to Grafana, and the keys that
-- tokens for Grafana are signed with. All glue processes share them, and restarts keep them.
-- depends: 0009_sign_in

CREATE TABLE oidc_keys (
    kid     text PRIMARY KEY,
    public  jsonb NOT NULL,
    sealed  text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE oidc_keys IS 'The newest signs; those before it are published for a while.';
COMMENT ON COLUMN oidc_keys.sealed IS 'Private key, encrypted with GLUE_JWT_SECRET: a dump signs nothing.';

CREATE TABLE oidc_browsers (
    token_hash bytea PRIMARY KEY CONSTRAINT oidc_browsers_hash CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL UNIQUE REFERENCES sessions ON DELETE CASCADE
);
COMMENT ON TABLE oidc_browsers IS 'Cookies of browsers in which somebody signed in, as hashes.';

CREATE TABLE oidc_codes (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    code_hash    bytea NOT NULL UNIQUE CONSTRAINT oidc_codes_hash CHECK (length(code_hash) = 32),
    session_id   uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    client_id    text NOT NULL,
    redirect_uri text NOT NULL,
    challenge    text NOT NULL,
    scope        text NOT NULL,
    nonce        text,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,
    replayed_at  timestamptz
);
COMMENT ON TABLE oidc_codes IS 'Authorization codes, one use each. A code that comes twice ends its tokens.';
CREATE INDEX oidc_codes_session ON oidc_codes (session_id);
CREATE INDEX oidc_codes_expires_at ON oidc_codes (expires_at);
