-- Who may do what, and by which secrets they are known. Only hashes of secrets are kept.
-- The same tables as in ../../postgres.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL,
    password_changed_at TIMESTAMP NOT NULL,
    last_login_at TIMESTAMP
);

CREATE TABLE roles (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    built_in BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE user_roles (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    PRIMARY KEY (user_id, role)
);
CREATE INDEX user_roles_by_role ON user_roles (role);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_agent TEXT NOT NULL,
    source_ip TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    refreshed_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- All refresh tokens that a session has had: one that was rotated before and is shown again was stolen.
CREATE TABLE refresh_tokens (
    hash TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL,
    rotated_at TIMESTAMP,
    salt TEXT
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE api_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP,
    revoked_at TIMESTAMP
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

CREATE TABLE api_token_roles (
    token_id TEXT NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    PRIMARY KEY (token_id, role)
);
CREATE INDEX api_token_roles_by_role ON api_token_roles (role);

CREATE TABLE clusters (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    bootstrap BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL
);

-- bootstrap: the configuration declares it. One that an admin has revoked loses the mark, so that no restart brings
-- it back.
CREATE TABLE agent_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    cluster_id TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    bootstrap BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    last_used_at TIMESTAMP,
    revoked_at TIMESTAMP
);
CREATE INDEX agent_tokens_by_cluster ON agent_tokens (cluster_id);

CREATE TABLE login_attempts (
    key TEXT NOT NULL PRIMARY KEY,
    attempts INTEGER NOT NULL,
    last_at TIMESTAMP NOT NULL,
    blocked_until TIMESTAMP
);
CREATE INDEX login_attempts_by_time ON login_attempts (last_at);

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO settings (key, value) VALUES ('policy_version', 1);
INSERT INTO roles (name, description, built_in, created_at) VALUES
    ('admin', 'manages users, roles and clusters', TRUE, '2026-11-25 00:00:00'),
    ('developer', 'works in the clusters', TRUE, '2026-11-25 00:00:00'),
    ('viewer', 'reads, and changes nothing', TRUE, '2026-11-25 00:00:00');
