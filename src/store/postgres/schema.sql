-- tower-backchannel-logout: sessions and marks in PostgreSQL 13 or later, version 1. May be run again.
--
-- Times are whole seconds since 1970. A tag or key is the first half of a SHA-256 over the names it stands for. Names of procedures end
-- with the version of this file, so that nodes of two versions work side by side.
{create_schema}
CREATE TABLE IF NOT EXISTS {s}"{p}migrations" (
    version     integer     PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- state: 0 live, 1 ended and to be reported again, 2 ended, 3 moved to another id. The last two have no names any more.
-- expires_at: the end of a live session; for the others, until when the id is remembered. Of a session that is not live, iat or else
-- ended_at is the last ID Token that cannot begin a session under this id.
CREATE TABLE IF NOT EXISTS {s}"{p}sessions" (
    expires_at  bigint      NOT NULL,
    iat         bigint,
    ended_at    bigint,
    sweep_at    integer     NOT NULL,
    state       smallint    NOT NULL,
    replaced    boolean     NOT NULL DEFAULT false,
    tag         bytea       PRIMARY KEY,
    fine_key    bytea,
    sub_key     bytea,
    id          text,
    issuer      text,
    client_id   text,
    sub         text,
    sid         text,
    moved_to    text
) WITH (fillfactor = 90);
CREATE INDEX IF NOT EXISTS "{p}sessions_fine" ON {s}"{p}sessions" (fine_key) WHERE state <= 1;
CREATE INDEX IF NOT EXISTS "{p}sessions_sub" ON {s}"{p}sessions" (sub_key) WHERE state <= 1;
-- In steps of ten minutes: moving the end of a session a little touches no index.
CREATE INDEX IF NOT EXISTS "{p}sessions_sweep" ON {s}"{p}sessions" (sweep_at);

-- reach: the last ID Token a mark refuses, its cut-off and the spread. unfinished_at: a logout with very many sessions began to end them;
-- the mark holds until all are ended.
CREATE TABLE IF NOT EXISTS {s}"{p}marks" (
    reach          bigint   NOT NULL,
    expires_at     bigint   NOT NULL,
    unfinished_at  bigint,
    tag            bytea    PRIMARY KEY
) WITH (vacuum_truncate = off);
-- A scan of a few pages looks cheap to the planner, and prepared statements keep their plan while a wave of logouts fills the table. So it
-- begins with some pages and keeps them.
DO $body$ BEGIN
    IF pg_relation_size('{s}"{p}marks"') < 300000 THEN
        INSERT INTO {s}"{p}marks" (reach, expires_at, tag)
            SELECT 0, 0, decode(md5(n::text), 'hex') FROM generate_series(1, 4000) AS n ON CONFLICT (tag) DO NOTHING;
        DELETE FROM {s}"{p}marks" WHERE reach = 0 AND expires_at = 0;
    END IF;
END $body$;
CREATE INDEX IF NOT EXISTS "{p}marks_sweep" ON {s}"{p}marks" (expires_at);
CREATE INDEX IF NOT EXISTS "{p}marks_unfinished" ON {s}"{p}marks" (unfinished_at) WHERE unfinished_at IS NOT NULL;

-- What changed, for nodes that did not hear the channel. Transactions become visible in another order than they get their numbers:
-- a reader asks for what its last snapshot could not see, hence the id of the transaction.
CREATE TABLE IF NOT EXISTS {s}"{p}news" (
    seq     bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid     xid8    NOT NULL DEFAULT pg_current_xact_id(),
    notice  text    NOT NULL
);
CREATE INDEX IF NOT EXISTS "{p}news_xid" ON {s}"{p}news" (xid);

-- Transactions before `old` were over at least two minutes ago: every node that looks at the news every two minutes has seen theirs.
CREATE TABLE IF NOT EXISTS {s}"{p}horizon" (
    one    boolean      PRIMARY KEY DEFAULT true CHECK (one),
    at     timestamptz  NOT NULL,
    young  xid8         NOT NULL,
    old    xid8         NOT NULL
);
INSERT INTO {s}"{p}horizon" (at, young, old)
    SELECT clock_timestamp(), pg_snapshot_xmin(pg_current_snapshot()), '0'::xid8
    ON CONFLICT (one) DO NOTHING;

CREATE OR REPLACE FUNCTION {s}"{p}sweep_at_1"(expires_at bigint) RETURNS integer
LANGUAGE sql IMMUTABLE AS $body$
    SELECT least(expires_at / 600 + 1, 2147483647)::integer
$body$;

-- The number of a key among the advisory locks.
CREATE OR REPLACE FUNCTION {s}"{p}lock_1"(key bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $body$
    SELECT ('x' || encode(substring(key FOR 8), 'hex'))::bit(64)::bigint
$body$;

-- Clean-up, a little with each write: at most as many rows of each kind as it is told. Only what is over by both clocks, the caller's
-- and that of the server, and by a minute: nodes whose clock is a little behind would still ask for it.
CREATE OR REPLACE PROCEDURE {s}"{p}sweep_1"(p_now bigint, p_dead_for bigint, p_limit integer)
LANGUAGE plpgsql AS $body$
DECLARE
    cut bigint := least(p_now, extract(epoch FROM clock_timestamp())::bigint) - 60;
    mark record;
BEGIN
    DELETE FROM {s}"{p}sessions" WHERE ctid = ANY (ARRAY(
        SELECT s.ctid FROM {s}"{p}sessions" s WHERE s.sweep_at <= cut / 600
        ORDER BY s.sweep_at LIMIT p_limit FOR UPDATE SKIP LOCKED));
    DELETE FROM {s}"{p}marks" WHERE ctid = ANY (ARRAY(
        SELECT m.ctid FROM {s}"{p}marks" m WHERE m.expires_at <= cut AND m.unfinished_at IS NULL
        ORDER BY m.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED));
    UPDATE {s}"{p}horizon"
        SET at = clock_timestamp(), young = pg_snapshot_xmin(pg_current_snapshot()), old = young
        WHERE one AND at <= clock_timestamp() - interval '120 seconds';
    DELETE FROM {s}"{p}news" WHERE seq = ANY (ARRAY(
        SELECT n.seq FROM {s}"{p}news" n WHERE n.xid < (SELECT h.old FROM {s}"{p}horizon" h WHERE h.one)
        ORDER BY n.xid LIMIT p_limit FOR UPDATE SKIP LOCKED));
    -- What is not of the past of this server came with a dump of another one.
    DELETE FROM {s}"{p}news" WHERE seq = ANY (ARRAY(
        SELECT n.seq FROM {s}"{p}news" n WHERE n.xid >= pg_snapshot_xmax(pg_current_snapshot())
        ORDER BY n.xid LIMIT p_limit FOR UPDATE SKIP LOCKED));
    -- A logout that was interrupted is carried on with.
    FOR mark IN
        SELECT u.tag, u.reach FROM {s}"{p}marks" u WHERE u.unfinished_at <= cut
        ORDER BY u.unfinished_at LIMIT 1 FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE {s}"{p}sessions" s SET state = 1, {dies}
            WHERE s.tag = ANY (ARRAY(
                SELECT s.tag FROM {s}"{p}sessions" s
                    WHERE s.state <= 1 AND s.state = 0 AND s.expires_at > p_now AND s.fine_key = mark.tag
                      AND (s.iat IS NULL OR s.iat <= mark.reach)
                UNION ALL SELECT s.tag FROM {s}"{p}sessions" s
                    WHERE s.state <= 1 AND s.state = 0 AND s.expires_at > p_now AND s.sub_key = mark.tag
                      AND (s.iat IS NULL OR s.iat <= mark.reach)
                LIMIT 1000))
              AND s.state = 0 AND s.expires_at > p_now AND mark.tag IN (s.fine_key, s.sub_key)
              AND (s.iat IS NULL OR s.iat <= mark.reach);
        UPDATE {s}"{p}marks" m SET unfinished_at = NULL WHERE m.tag = mark.tag AND NOT {unfinished};
    END LOOP;
END
$body$;

-- The marks first: they refuse every login and every request they reach from the first commit on. Then the sessions; those beyond the
-- first hundred in transactions of their own, so that neither their number nor a limit of time keeps a logout from its effect.
{terminate}

CREATE OR REPLACE PROCEDURE {s}"{p}forget_1"(p_tags bytea[], p_wait text)
LANGUAGE plpgsql AS $body$
BEGIN
    {begin}
    {lazy}
    PERFORM FROM {s}"{p}sessions" s WHERE s.tag = ANY (p_tags) AND s.state = 1 ORDER BY s.tag FOR UPDATE;
    UPDATE {s}"{p}sessions" s SET state = 2, {nameless} WHERE s.tag = ANY (p_tags) AND s.state = 1;
END
$body$;

-- A login and a logout that share a key exclude each other until the first one is committed and visible: a lock is let go after that.
-- Each statement here begins with a new snapshot (the level is READ COMMITTED). So either this one finds the marks, or the logout
-- finds the session.
CREATE OR REPLACE PROCEDURE {s}"{p}register_1"(
    p_tag bytea, p_id text, p_issuer text, p_client_id text, p_sub text, p_sid text, p_iat bigint, p_expires_at bigint,
    p_fine_key bytea, p_sub_key bytea, p_dead_for bigint, p_now bigint, p_notice text, p_wait text, p_sweep integer,
    INOUT taken boolean)
LANGUAGE plpgsql AS $body$
DECLARE
    was_live boolean;
BEGIN
    {begin}
    PERFORM pg_advisory_xact_lock_shared(least({s}"{p}lock_1"(p_fine_key), {s}"{p}lock_1"(p_sub_key)));
    PERFORM pg_advisory_xact_lock_shared(greatest({s}"{p}lock_1"(p_fine_key), {s}"{p}lock_1"(p_sub_key)));
    SELECT NOT {marked} INTO taken
        FROM (SELECT p_fine_key AS fine_key, p_sub_key AS sub_key, p_iat AS iat) AS s;
    IF taken THEN
        INSERT INTO {s}"{p}sessions" AS s
            (tag, id, issuer, client_id, sub, sid, iat, expires_at, sweep_at, state, fine_key, sub_key)
            VALUES (p_tag, p_id, p_issuer, p_client_id, p_sub, p_sid, p_iat, p_expires_at, {s}"{p}sweep_at_1"(p_expires_at), 0,
                    p_fine_key, p_sub_key)
            ON CONFLICT (tag) DO UPDATE SET
                id = excluded.id, issuer = excluded.issuer, client_id = excluded.client_id, sub = excluded.sub,
                sid = excluded.sid, iat = excluded.iat, expires_at = excluded.expires_at, sweep_at = excluded.sweep_at,
                state = 0, fine_key = excluded.fine_key, sub_key = excluded.sub_key, ended_at = NULL, moved_to = NULL,
                replaced = s.state = 0 AND s.expires_at > p_now
                WHERE NOT (s.expires_at > p_now AND CASE WHEN s.state > 0 OR {marked}
                    THEN {dead_id_refuses} ELSE {live_id_refuses} END)
            RETURNING s.replaced INTO was_live;
        taken := FOUND;
        IF was_live THEN
            -- Its connections end.
            {announce}
        END IF;
    END IF;
    {sweep}
END
$body$;

CREATE OR REPLACE PROCEDURE {s}"{p}extend_1"(
    p_tag bytea, p_expires_at bigint, p_dead_for bigint, p_now bigint, p_notice text, p_wait text, p_sweep integer,
    INOUT extended boolean)
LANGUAGE plpgsql AS $body$
DECLARE
    before bigint;
BEGIN
    {begin}
    SELECT s.expires_at INTO before FROM {s}"{p}sessions" s
        WHERE s.tag = p_tag AND s.state = 0 AND s.expires_at > p_now AND NOT {marked} FOR UPDATE;
    extended := FOUND;
    IF extended THEN
        UPDATE {s}"{p}sessions" SET expires_at = p_expires_at, sweep_at = {s}"{p}sweep_at_1"(p_expires_at) WHERE tag = p_tag;
        IF p_expires_at < before THEN
            {announce}
        ELSE
            -- Lost in a crash, the session ends as early as it was to end before.
            {lazy}
        END IF;
    END IF;
    {sweep}
END
$body$;

CREATE OR REPLACE PROCEDURE {s}"{p}rebind_1"(
    p_old bytea, p_new bytea, p_new_id text, p_dead_for bigint, p_now bigint, p_notice text, p_wait text, p_sweep integer,
    INOUT rebound boolean)
LANGUAGE plpgsql AS $body$
DECLARE
    known  record;
    old    record;
BEGIN
    {begin}
    SELECT s.fine_key, s.sub_key INTO known FROM {s}"{p}sessions" s WHERE s.tag = p_old;
    -- A logout of this session comes before or after, see register.
    PERFORM pg_advisory_xact_lock_shared(least({s}"{p}lock_1"(known.fine_key), {s}"{p}lock_1"(known.sub_key)));
    PERFORM pg_advisory_xact_lock_shared(greatest({s}"{p}lock_1"(known.fine_key), {s}"{p}lock_1"(known.sub_key)));
    PERFORM FROM {s}"{p}sessions" s WHERE s.tag IN (p_old, p_new) ORDER BY s.tag FOR UPDATE;
    SELECT s.*, {marked} AS marked INTO old FROM {s}"{p}sessions" s WHERE s.tag = p_old;
    IF old.state = 0 AND (old.fine_key, old.sub_key) IS DISTINCT FROM (known.fine_key, known.sub_key) THEN
        RAISE EXCEPTION 'another session came under the id meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    IF old.state = 0 AND old.expires_at > p_now AND NOT old.marked THEN
        rebound := true;
        IF p_old <> p_new THEN
            DELETE FROM {s}"{p}sessions" WHERE tag = p_new;
            UPDATE {s}"{p}sessions" SET tag = p_new, id = p_new_id WHERE tag = p_old;
            INSERT INTO {s}"{p}sessions" (tag, iat, ended_at, state, moved_to, expires_at, sweep_at)
                VALUES (p_old, old.iat, p_now, 3, p_new_id, greatest(old.iat, p_now) + p_dead_for,
                        {s}"{p}sweep_at_1"(greatest(old.iat, p_now) + p_dead_for));
            {announce}
        END IF;
    ELSE
        -- Asked again, because the first answer was lost on its way.
        rebound := coalesce(old.state = 3 AND old.moved_to = p_new_id AND EXISTS (
            SELECT FROM {s}"{p}sessions" s
            WHERE s.tag = p_new AND s.state = 0 AND s.expires_at > p_now AND NOT {marked}), false);
    END IF;
    {sweep}
END
$body$;

CREATE OR REPLACE PROCEDURE {s}"{p}unregister_1"(
    p_tag bytea, p_dead_for bigint, p_now bigint, p_notice text, p_wait text, p_sweep integer, INOUT ended boolean)
LANGUAGE plpgsql AS $body$
BEGIN
    {begin}
    UPDATE {s}"{p}sessions" s SET state = 2, {dies}, {nameless}
        WHERE s.tag = p_tag AND s.state = 0 AND s.expires_at > p_now AND NOT {marked};
    ended := FOUND;
    IF ended THEN
        {announce}
    END IF;
    {sweep}
END
$body$;

-- What the last snapshot could not see: later transactions, and those that were under way. The numbers catch what a crash gave to two
-- transactions. One look, one snapshot: the function is stable. There is one row at least, without a notice.
CREATE OR REPLACE FUNCTION {s}"{p}news_1"(p_snapshot text, p_last bigint)
RETURNS TABLE (snapshot text, last bigint, looked_at bigint, read_at bigint, server bigint, notice text)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS $body$
BEGIN
    RETURN QUERY
        SELECT pg_current_snapshot()::text, (SELECT max(l.seq) FROM {s}"{p}news" l),
               (extract(epoch FROM statement_timestamp()) * 1000000)::bigint,
               (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
               (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
               n.notice
            FROM (SELECT 1) AS one LEFT JOIN {s}"{p}news" n
              ON n.xid >= pg_snapshot_xmax(p_snapshot::pg_snapshot)
              OR n.xid = ANY (ARRAY(SELECT pg_snapshot_xip(p_snapshot::pg_snapshot)))
              OR n.seq > p_last
            ORDER BY n.seq;
END
$body$;

INSERT INTO {s}"{p}migrations" (version) VALUES (1) ON CONFLICT (version) DO NOTHING;
