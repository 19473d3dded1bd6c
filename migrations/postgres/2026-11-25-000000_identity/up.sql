-- Who may do what, and by which secrets they are known. Only hashes of secrets are kept.
-- The same tables as in ../../sqlite. COLLATE "C" orders text by its bytes, as SQLite does. Constraints are named
-- "table.column", because the store tells conflicts apart by that name.

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL CONSTRAINT "users.id" PRIMARY KEY,
    email TEXT COLLATE "C" NOT NULL CONSTRAINT "users.email" UNIQUE,
    password_hash TEXT COLLATE "C" NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL,
    password_changed_at TIMESTAMP NOT NULL,
    last_login_at TIMESTAMP
);

CREATE TABLE roles (
    name TEXT COLLATE "C" NOT NULL CONSTRAINT "roles.name" PRIMARY KEY,
    description TEXT COLLATE "C" NOT NULL,
    built_in BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE user_roles (
    user_id TEXT COLLATE "C" NOT NULL CONSTRAINT "user_roles.user_id" REFERENCES users (id) ON DELETE CASCADE,
    role TEXT COLLATE "C" NOT NULL CONSTRAINT "user_roles.role" REFERENCES roles (name) ON DELETE CASCADE,
    CONSTRAINT "user_roles.user_id, user_roles.role" PRIMARY KEY (user_id, role)
);
CREATE INDEX user_roles_by_role ON user_roles (role);

CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL CONSTRAINT "sessions.id" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL CONSTRAINT "sessions.user_id" REFERENCES users (id) ON DELETE CASCADE,
    user_agent TEXT COLLATE "C" NOT NULL,
    source_ip TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    refreshed_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- All refresh tokens that a session has had: one that was rotated before and is shown again was stolen.
CREATE TABLE refresh_tokens (
    hash TEXT COLLATE "C" NOT NULL CONSTRAINT "refresh_tokens.hash" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL
        CONSTRAINT "refresh_tokens.session_id" REFERENCES sessions (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL,
    rotated_at TIMESTAMP,
    salt TEXT COLLATE "C"
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE api_tokens (
    id TEXT COLLATE "C" NOT NULL CONSTRAINT "api_tokens.id" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL CONSTRAINT "api_tokens.user_id" REFERENCES users (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL CONSTRAINT "api_tokens.hash" UNIQUE,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP,
    revoked_at TIMESTAMP
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

CREATE TABLE api_token_roles (
    token_id TEXT COLLATE "C" NOT NULL
        CONSTRAINT "api_token_roles.token_id" REFERENCES api_tokens (id) ON DELETE CASCADE,
    role TEXT COLLATE "C" NOT NULL CONSTRAINT "api_token_roles.role" REFERENCES roles (name) ON DELETE CASCADE,
    CONSTRAINT "api_token_roles.token_id, api_token_roles.role" PRIMARY KEY (token_id, role)
);
CREATE INDEX api_token_roles_by_role ON api_token_roles (role);

CREATE TABLE clusters (
    id TEXT COLLATE "C" NOT NULL CONSTRAINT "clusters.id" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL CONSTRAINT "clusters.name" UNIQUE,
    bootstrap BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL
);

-- bootstrap: the configuration declares it. One that an admin has revoked loses the mark, so that no restart brings
-- it back.
CREATE TABLE agent_tokens (
    id TEXT COLLATE "C" NOT NULL CONSTRAINT "agent_tokens.id" PRIMARY KEY,
    cluster_id TEXT COLLATE "C" NOT NULL
        CONSTRAINT "agent_tokens.cluster_id" REFERENCES clusters (id) ON DELETE CASCADE,
    hash TEXT COLLATE "C" NOT NULL CONSTRAINT "agent_tokens.hash" UNIQUE,
    bootstrap BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    last_used_at TIMESTAMP,
    revoked_at TIMESTAMP
);
CREATE INDEX agent_tokens_by_cluster ON agent_tokens (cluster_id);

CREATE TABLE login_attempts (
    key TEXT COLLATE "C" NOT NULL CONSTRAINT "login_attempts.key" PRIMARY KEY,
    attempts INTEGER NOT NULL,
    last_at TIMESTAMP NOT NULL,
    blocked_until TIMESTAMP
);
CREATE INDEX login_attempts_by_time ON login_attempts (last_at);

CREATE TABLE settings (
    key TEXT COLLATE "C" NOT NULL CONSTRAINT "settings.key" PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO settings (key, value) VALUES ('policy_version', 1);
INSERT INTO roles (name, description, built_in, created_at) VALUES
    ('admin', 'manages users, roles and clusters', TRUE, '2026-11-25 00:00:00'),
    ('developer', 'works in the clusters', TRUE, '2026-11-25 00:00:00'),
    ('viewer', 'reads, and changes nothing', TRUE, '2026-11-25 00:00:00');
