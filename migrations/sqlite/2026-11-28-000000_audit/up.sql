-- The audit log: rows are only added, and removed from the front when they are old. The same as in ../../postgres.

-- phase: begin, with the outcome if both were written together; end, with the outcome; unfinished, where no end can come.
-- writer, seq, hash: the run of central that wrote the row, its place among the rows of that run, and the hash over it
-- and the row before.
CREATE TABLE audit_logs (
    id TEXT NOT NULL,
    phase TEXT NOT NULL,
    writer TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at TIMESTAMP NOT NULL,
    parent TEXT,
    kind TEXT,
    user_email TEXT,
    user_id TEXT,
    credential TEXT,
    source_ip TEXT,
    user_agent TEXT,
    cluster TEXT,
    command TEXT,
    verb TEXT,
    api_group TEXT,
    resource TEXT,
    subresource TEXT,
    namespace TEXT,
    name TEXT,
    target TEXT,
    decision TEXT,
    rule TEXT,
    status INTEGER,
    exit_code INTEGER,
    duration_micros BIGINT,
    bytes_in BIGINT,
    bytes_out BIGINT,
    outcome TEXT,
    detail TEXT,
    PRIMARY KEY (id, phase)
) WITHOUT ROWID;
-- What most rows have in common has no index: the latest of them are found soon, and an index costs half of what a row
-- does. What stands behind id is for filters that are given together: rows that do not fit are passed over unread.
CREATE UNIQUE INDEX audit_logs_by_writer ON audit_logs (writer, seq);
CREATE INDEX audit_logs_by_user ON audit_logs (user_email, id, cluster, verb, namespace) WHERE user_email IS NOT NULL;
CREATE INDEX audit_logs_by_cluster ON audit_logs (cluster, id, verb, namespace) WHERE cluster IS NOT NULL;
CREATE INDEX audit_logs_by_verb ON audit_logs (verb, id, cluster, namespace, user_email) WHERE verb NOT IN ('get', 'list', 'watch');
CREATE INDEX audit_logs_by_namespace ON audit_logs (namespace, id, cluster, verb) WHERE namespace IS NOT NULL;
CREATE INDEX audit_logs_by_parent ON audit_logs (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX audit_logs_by_kind ON audit_logs (kind, id, user_email, cluster) WHERE kind NOT IN ('gateway', 'api_call');
CREATE INDEX audit_logs_denied ON audit_logs (id) WHERE decision = 'denied';
CREATE INDEX audit_logs_by_outcome ON audit_logs (outcome, id) WHERE outcome IS NOT NULL AND outcome <> 'complete';

-- seq, hash: of the last row. pruned_seq, pruned_hash: of the last row that was removed for its age.
-- settled: what it began and did not end has a row that says so.
CREATE TABLE audit_writers (
    id TEXT NOT NULL PRIMARY KEY,
    started_at TIMESTAMP NOT NULL,
    alive_at TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    pruned_seq BIGINT NOT NULL,
    pruned_hash TEXT NOT NULL,
    settled BOOLEAN NOT NULL
);
