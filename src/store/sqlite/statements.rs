//! The statements, made once for the prefix of a store. Where one of the rules of [`marks`](crate::session::marks) is spelled in SQL,
//! it is spelled here: what a logout selects, and until when a dead id is remembered. The suite holds both to the same claims.

/// Notices that are kept for other processes. One that has not looked for so many is told to look at everything again.
const KEPT_NOTICES: u32 = 10_000;

/// Rows that each write cleans up, of each kind.
const SWEPT: u32 = 20;

#[derive(Debug)]
pub(super) struct Statements {
    pub(super) schema: String,
    pub(super) look: String,
    pub(super) known: String,
    pub(super) marks: String,
    pub(super) put: String,
    pub(super) mark: String,
    pub(super) end: String,
    pub(super) ended: String,
    pub(super) forget: String,
    pub(super) extend: String,
    pub(super) end_of_live: String,
    pub(super) rename: String,
    pub(super) remove: String,
    pub(super) leave: String,
    pub(super) unregister: String,
    pub(super) announce: String,
    pub(super) trim: String,
    pub(super) sweep_sessions: String,
    pub(super) sweep_marks: String,
    pub(super) log: String,
    pub(super) news: String,
}

impl Statements {
    pub(super) fn new(p: &str) -> Self {
        // ?1 now. The session is live.
        let live = "state = 0 AND expires_at > ?1";
        // ?2 the spread and lifetime of a dead id, see MarkPolicy::dead_id_until.
        let dies = "ended_at = ?1, expires_at = max(coalesce(iat, ?1), ?1) + ?2";
        let nameless = "sub_tag = NULL, fine_tag = NULL, id = NULL, issuer = NULL, client_id = NULL, sub = NULL, sid = NULL";
        // ?3 what ends whatever its age, ?4 and ?5 what ends up to ?6: see MarkPolicy::selects. Each part has an index.
        let selected = format!(
            "tag IN (SELECT tag FROM {p}sessions WHERE fine_tag = ?3
                     UNION ALL SELECT tag FROM {p}sessions WHERE fine_tag = ?4 AND (iat IS NULL OR iat <= ?6)
                     UNION ALL SELECT tag FROM {p}sessions WHERE sub_tag = ?5 AND (iat IS NULL OR iat <= ?6))"
        );
        let names = "id, issuer, client_id, sub, sid, iat";
        Self {
            schema: super::SCHEMA.replace("{p}", p),
            look: format!(
                "SELECT state, expires_at, moved_to, {names} FROM {p}sessions WHERE tag = ?1"
            ),
            known: format!(
                "SELECT state, expires_at, iat, ended_at FROM {p}sessions WHERE tag = ?1"
            ),
            marks: format!("SELECT cut_off, expires_at FROM {p}marks WHERE tag IN (?1, ?2)"),
            put: format!(
                "INSERT OR REPLACE INTO {p}sessions
                 (tag, state, expires_at, iat, sub_tag, fine_tag, id, issuer, client_id, sub, sid)
                 VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
            ),
            // See Mark::merge; a mark that is over has no say.
            mark: format!(
                "INSERT INTO {p}marks AS m (tag, cut_off, expires_at) VALUES (?2, ?3, ?4)
                 ON CONFLICT (tag) DO UPDATE SET
                 cut_off = CASE WHEN m.expires_at > ?1 THEN max(m.cut_off, excluded.cut_off) ELSE excluded.cut_off END,
                 expires_at = max(m.expires_at, excluded.expires_at)"
            ),
            end: format!("UPDATE {p}sessions SET state = 1, {dies} WHERE {live} AND {selected}"),
            ended: format!(
                "SELECT {names} FROM {p}sessions WHERE state = 1 AND expires_at > ?1 AND ?2 IS NOT NULL AND {selected}"
            ),
            forget: format!(
                "UPDATE {p}sessions SET state = 2, {nameless} WHERE tag = ?1 AND state = 1"
            ),
            extend: format!("UPDATE {p}sessions SET expires_at = ?2 WHERE tag = ?1"),
            end_of_live: format!("SELECT expires_at FROM {p}sessions WHERE tag = ?2 AND {live}"),
            rename: format!("UPDATE {p}sessions SET tag = ?2, id = ?3 WHERE tag = ?1"),
            remove: format!("DELETE FROM {p}sessions WHERE tag = ?1"),
            leave: format!(
                "INSERT INTO {p}sessions (tag, state, expires_at, iat, ended_at, moved_to) VALUES (?1, 3, ?2, ?3, ?4, ?5)"
            ),
            unregister: format!(
                "UPDATE {p}sessions SET state = 2, {dies}, {nameless} WHERE tag = ?3 AND {live}"
            ),
            announce: format!("INSERT INTO {p}news (notice) VALUES (?1)"),
            trim: format!("DELETE FROM {p}news WHERE seq <= last_insert_rowid() - {KEPT_NOTICES}"),
            sweep_sessions: format!(
                "DELETE FROM {p}sessions WHERE tag IN
                 (SELECT tag FROM {p}sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT {SWEPT})"
            ),
            sweep_marks: format!(
                "DELETE FROM {p}marks WHERE tag IN
                 (SELECT tag FROM {p}marks WHERE expires_at <= ?1 ORDER BY expires_at LIMIT {SWEPT})"
            ),
            log: format!("SELECT min(seq), max(seq) FROM {p}news"),
            news: format!("SELECT seq, notice FROM {p}news WHERE seq > ?1 ORDER BY seq"),
        }
    }

    /// Every statement that touches sessions or marks, for a look at the plans.
    #[cfg(test)]
    pub(super) fn planned(&self) -> [&str; 18] {
        [
            &self.look,
            &self.known,
            &self.marks,
            &self.put,
            &self.mark,
            &self.end,
            &self.ended,
            &self.forget,
            &self.extend,
            &self.end_of_live,
            &self.rename,
            &self.remove,
            &self.leave,
            &self.unregister,
            &self.trim,
            &self.sweep_sessions,
            &self.sweep_marks,
            &self.news,
        ]
    }
}
