//! The rules of [`marks`](crate::session::marks) as conditions in SQL, once: every statement takes its text from here. Whoever changes
//! the one changes the other; a test compares the answers with those of the memory store.
//!
//! `s` is a row of the sessions, `m` one of the marks. A mark stores its `reach`, the cut-off plus the spread.

/// [`MarkPolicy::refuses`](crate::session::marks::MarkPolicy::refuses), for both keys of a session: a mark reaches `s`.
pub(super) const MARKED: &str = r#"(EXISTS (SELECT FROM {s}"{p}marks" m WHERE m.tag = s.fine_key
            AND (m.expires_at > p_now OR m.unfinished_at IS NOT NULL) AND (s.iat IS NULL OR s.iat <= m.reach))
        OR EXISTS (SELECT FROM {s}"{p}marks" m WHERE m.tag = s.sub_key
            AND (m.expires_at > p_now OR m.unfinished_at IS NOT NULL) AND (s.iat IS NULL OR s.iat <= m.reach)))"#;

/// [`MarkPolicy::mark`](crate::session::marks::MarkPolicy::mark) merged with the one that is there, as
/// [`Mark::merge`](crate::session::marks::Mark::merge) does; one that is over counts for nothing.
pub(super) const MERGE_MARK: &str = r#"INSERT INTO {s}"{p}marks" AS m (tag, reach, expires_at) VALUES ({key}, p_reach, p_kept_until)
        ON CONFLICT (tag) DO UPDATE SET
            reach = CASE WHEN m.expires_at > p_now OR m.unfinished_at IS NOT NULL
                    THEN greatest(m.reach, excluded.reach) ELSE excluded.reach END,
            expires_at = greatest(m.expires_at, excluded.expires_at);"#;

/// [`MarkPolicy::selects`](crate::session::marks::MarkPolicy::selects), a request with a `sid`: that one whatever the age, and what
/// has no `sid` up to the reach.
pub(super) const SELECTED_BY_SID: &str =
    "s.fine_key IN (p_sid, p_sub) AND (s.fine_key = p_sid OR s.iat IS NULL OR s.iat <= p_reach)";

/// [`MarkPolicy::selects`](crate::session::marks::MarkPolicy::selects), a request with a `sub` alone.
pub(super) const SELECTED_BY_SUB: &str =
    "s.sub_key = p_sub AND (s.iat IS NULL OR s.iat <= p_reach)";

/// Selected sessions that the marks of the request keep from being live anyway.
pub(super) const REACHED: &str = "(s.iat IS NULL OR s.iat <= p_reach)";

/// Live sessions that a mark reaches and its logout has not ended yet.
pub(super) const UNFINISHED: &str = r#"(EXISTS (SELECT FROM {s}"{p}sessions" s
                WHERE s.state <= 1 AND s.state = 0 AND s.expires_at > p_now AND s.fine_key = m.tag
                  AND (s.iat IS NULL OR s.iat <= m.reach))
             OR EXISTS (SELECT FROM {s}"{p}sessions" s
                WHERE s.state <= 1 AND s.state = 0 AND s.expires_at > p_now AND s.sub_key = m.tag
                  AND (s.iat IS NULL OR s.iat <= m.reach)))"#;

/// [`MarkPolicy::dead_id_refuses`](crate::session::marks::MarkPolicy::dead_id_refuses).
pub(super) const DEAD_ID_REFUSES: &str =
    "(excluded.iat IS NULL OR excluded.iat <= coalesce(s.iat, s.ended_at, p_now))";

/// [`MarkPolicy::live_id_refuses`](crate::session::marks::MarkPolicy::live_id_refuses).
pub(super) const LIVE_ID_REFUSES: &str =
    "(s.iat IS NOT NULL AND (excluded.iat IS NULL OR excluded.iat < s.iat))";

/// [`MarkPolicy::dead_id_until`](crate::session::marks::MarkPolicy::dead_id_until); `greatest` passes over what is not known.
pub(super) const DIES: &str = r#"ended_at = p_now, expires_at = greatest(s.iat, p_now) + p_dead_for,
                sweep_at = {s}"{p}sweep_at_1"(greatest(s.iat, p_now) + p_dead_for)"#;
