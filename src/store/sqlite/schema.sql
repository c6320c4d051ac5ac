-- Sessions and marks of tower-backchannel-logout in SQLite: version 1. {p} is the prefix of the tables.
--
-- Times are whole seconds since 1970. A tag is the first half of a SHA-256 over the names it stands for.

CREATE TABLE IF NOT EXISTS {p}schema (
    version INTEGER PRIMARY KEY
);

-- state: 0 live, 1 ended and to be reported again, 2 ended, 3 moved to another id. The last two have no names any more.
-- expires_at: the end of a live session; of the others, until when the id is remembered.
-- fine_tag: of the sid, or of the sub of a session without one.
CREATE TABLE IF NOT EXISTS {p}sessions (
    tag        BLOB PRIMARY KEY,
    state      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    iat        INTEGER,
    ended_at   INTEGER,
    sub_tag    BLOB,
    fine_tag   BLOB,
    id         TEXT,
    issuer     TEXT,
    client_id  TEXT,
    sub        TEXT,
    sid        TEXT,
    moved_to   TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {p}sessions_sub ON {p}sessions (sub_tag) WHERE sub_tag IS NOT NULL;
CREATE INDEX IF NOT EXISTS {p}sessions_fine ON {p}sessions (fine_tag) WHERE fine_tag IS NOT NULL;
CREATE INDEX IF NOT EXISTS {p}sessions_expiry ON {p}sessions (expires_at);

CREATE TABLE IF NOT EXISTS {p}marks (
    tag        BLOB PRIMARY KEY,
    cut_off    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {p}marks_expiry ON {p}marks (expires_at);

-- What changed, for other processes on the same file. One writer at a time: the numbers are in the order of the commits.
CREATE TABLE IF NOT EXISTS {p}news (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    notice TEXT NOT NULL
);

INSERT OR IGNORE INTO {p}schema (version) VALUES (1);
