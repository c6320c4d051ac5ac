//! The text of the migration.

use super::names::Names;
use super::rules;

/// The newest version.
pub(super) const VERSION: i32 = 1;

/// How every procedure begins. Each statement must see what was committed before it, so the transaction is begun anew where the
/// application has made another level its default.
const BEGIN: &str = "IF current_setting('transaction_isolation') <> 'read committed' THEN
        ROLLBACK;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    PERFORM {settings};";

/// No plan may scan a table: it could be older than the table is large. Bitmap scans would lock rows in another order than that of
/// their tags. Nothing here is worth being compiled.
const SETTINGS: &str =
    "set_config('lock_timeout', p_wait, true), set_config('enable_seqscan', 'off', true),
            set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)";

/// From here on everything is decided and durable. What follows may be lost in a crash, so nobody waits for the disk again.
const COMMIT: &str = "COMMIT AND CHAIN;
        PERFORM {settings}, set_config('synchronous_commit', 'off', true);";

const LAZY: &str = "PERFORM set_config('synchronous_commit', 'off', true);";

/// The log in the same transaction as the change, the channel after it: notifications make transactions commit one after the other, so
/// they go with one that has nothing to write. A full queue must not fail what is done.
const ANNOUNCE: &str = r#"INSERT INTO {s}"{p}news" (notice) VALUES (p_notice);
        {commit}
        IF pg_notification_queue_usage() < 0.5 THEN
            PERFORM pg_notify('{channel}', p_notice);
        END IF;"#;

const SWEEP: &str = r#"IF p_sweep > 0 THEN
        {commit}
        CALL {s}"{p}sweep_1"(p_now, p_dead_for, p_sweep);
    END IF;"#;

const NAMELESS: &str = "fine_key = NULL, sub_key = NULL, id = NULL, issuer = NULL, client_id = NULL, sub = NULL, sid = NULL";

const END_SOME: &str = r#"UPDATE {s}"{p}sessions" s SET state = 1, {dies}
        WHERE s.tag = ANY (ARRAY(
                SELECT s.tag FROM {s}"{p}sessions" s
                WHERE s.state <= 1 AND s.state = 0 AND s.expires_at > p_now AND {selected} LIMIT {limit}))
          AND s.state = 0 AND s.expires_at > p_now AND {selected};"#;

const END_LATE: &str = r#"-- No mark keeps these from being live: a sid ends them in spite of a later ID Token.
        UPDATE {s}"{p}sessions" s SET state = 1, {dies}
            WHERE s.state <= 1 AND s.state = 0 AND s.expires_at > p_now AND {selected} AND s.iat > p_reach;
        GET DIAGNOSTICS ended = ROW_COUNT;
        newly_ended := newly_ended + ended;"#;

const REPORT: &str = r#"SELECT coalesce(array_agg(s.id) FILTER (WHERE s.state = 1), '{}'),
           coalesce(array_agg(s.sub) FILTER (WHERE s.state = 1), '{}'),
           coalesce(array_agg(s.sid) FILTER (WHERE s.state = 1), '{}'),
           coalesce(array_agg(s.iat) FILTER (WHERE s.state = 1), '{}'),
           coalesce(bool_or(s.state = 0), false)
        INTO ids, subs, sids, iats, more
        FROM {s}"{p}sessions" s WHERE s.state <= 1 AND s.expires_at > p_now AND {selected};"#;

const CREATE_SCHEMA: &str = "
DO $body$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{schema}') THEN
        CREATE SCHEMA \"{schema}\";
    END IF;
END $body$;
";

/// Everything that makes a database ready, from whatever version it has.
pub(super) fn migration(names: &Names) -> String {
    let create_schema = names
        .schema()
        .map(|schema| CREATE_SCHEMA.replace("{schema}", schema));
    let text = include_str!("schema.sql")
        .replace("{create_schema}", &create_schema.unwrap_or_default())
        .replace(
            "{terminate}",
            &[terminate(true), terminate(false)].join("\n"),
        )
        .replace("{begin}", BEGIN)
        .replace("{announce}", ANNOUNCE)
        .replace("{sweep}", SWEEP)
        .replace("{commit}", COMMIT)
        .replace("{settings}", SETTINGS)
        .replace("{lazy}", LAZY)
        .replace("{nameless}", NAMELESS)
        .replace("{dies}", rules::DIES)
        .replace("{marked}", rules::MARKED)
        .replace("{unfinished}", rules::UNFINISHED)
        .replace("{dead_id_refuses}", rules::DEAD_ID_REFUSES)
        .replace("{live_id_refuses}", rules::LIVE_ID_REFUSES);
    names.fill(&text)
}

/// One procedure for requests with a `sid`, and one for those with a `sub` alone: a condition that served both would need two indexes.
fn terminate(by_sid: bool) -> String {
    let mark = |key| rules::MERGE_MARK.replace("{key}", key);
    let (kind, selected, marks, late) = if by_sid {
        let both = format!(
            "{}\n    IF p_sub IS NOT NULL THEN\n        {}\n    END IF;",
            mark("p_sid"),
            mark("p_sub")
        );
        ("sid", rules::SELECTED_BY_SID, both, END_LATE)
    } else {
        ("sub", rules::SELECTED_BY_SUB, mark("p_sub"), "")
    };
    let reached = format!("{selected} AND {}", rules::REACHED);
    include_str!("terminate.sql")
        .replace("{kind}", kind)
        .replace("{write_marks}", &marks)
        .replace("{end_late}", late)
        .replace(
            "{end_some_reached}",
            &END_SOME
                .replace("{selected}", &reached)
                .replace("{limit}", "1000"),
        )
        // The first transaction puts the logout in effect: sessions that end one by one do not keep it long.
        .replace("{end_some}", &END_SOME.replace("{limit}", "100"))
        .replace("{report}", REPORT)
        .replace("{selected}", selected)
}

/// The statements, as the store sends them.
#[derive(Clone, Debug)]
pub(super) struct Statements {
    pub(super) terminate_by_sid: String,
    pub(super) terminate_by_sub: String,
    pub(super) forget: String,
    pub(super) register: String,
    pub(super) look: String,
    pub(super) extend: String,
    pub(super) rebind: String,
    pub(super) unregister: String,
    pub(super) is_marked: String,
    pub(super) news: String,
}

/// The question of each request: the session and the marks by their keys.
const LOOK: &str = r#"SELECT s.state, s.state = 0 AND s.expires_at > $2 AND NOT {marked} AS is_live,
       s.expires_at, s.iat, s.issuer, s.client_id, s.sub, s.sid, s.moved_to
    FROM {s}"{p}sessions" s WHERE s.tag = $1"#;

const IS_MARKED: &str = r#"SELECT {marked} AS is_marked FROM (SELECT $1::bytea AS fine_key, $3::bytea AS sub_key, $4::bigint AS iat) AS s"#;

const NEWS: &str =
    r#"SELECT snapshot, last, looked_at, read_at, server, notice FROM {s}"{p}news_1"($1, $2)"#;

impl Statements {
    pub(super) fn new(names: &Names) -> Self {
        let marked = rules::MARKED.replace("p_now", "$2");
        let query = |text: &str| names.fill(&text.replace("{marked}", &marked));
        let call = |name: &str, given: usize, answers: usize| {
            let given = (1..=given).map(|nth| format!("${nth}"));
            let answers = (0..answers).map(|_| "NULL".to_owned());
            let values: Vec<_> = given.chain(answers).collect();
            names.fill(&format!(
                "CALL {{s}}\"{{p}}{name}_1\"({})",
                values.join(", ")
            ))
        };
        Self {
            terminate_by_sid: call("terminate_sid", 9, 5),
            terminate_by_sub: call("terminate_sub", 9, 5),
            forget: call("forget", 2, 0),
            register: call("register", 15, 1),
            look: query(LOOK),
            extend: call("extend", 7, 1),
            rebind: call("rebind", 8, 1),
            unregister: call("unregister", 6, 1),
            is_marked: query(IS_MARKED),
            news: query(NEWS),
        }
    }
}
