//! What the database does with the statements.

use sqlx::Row as _;

use super::*;

/// A database in memory with tables and as many sessions and marks.
async fn filled(rows: u32) -> (SqlitePool, Statements) {
    let options = SqlitePoolOptions::new().max_connections(1);
    let pool = options.connect("sqlite::memory:").await.unwrap();
    let statements = Statements::new(DEFAULT_PREFIX);
    sqlx::raw_sql(&statements.schema)
        .execute(&pool)
        .await
        .unwrap();
    let rows = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO backchannel_sessions (tag, state, expires_at, iat, sub_tag, fine_tag, id, issuer, client_id, sub)
         SELECT randomblob(16), 0, i, i, randomblob(16), randomblob(16), i, 'op', 'rp', i FROM n;
         INSERT INTO backchannel_marks SELECT tag, 1, expires_at FROM backchannel_sessions;
         INSERT INTO backchannel_news (notice) SELECT id FROM backchannel_sessions;
         ANALYZE;"
    );
    sqlx::raw_sql(&rows).execute(&pool).await.unwrap();
    (pool, statements)
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let (pool, statements) = filled(2_000).await;
    for statement in statements.planned() {
        let plan = sqlx::query(&format!("EXPLAIN QUERY PLAN {statement}"))
            .fetch_all(&pool)
            .await
            .unwrap();
        for step in plan {
            let detail: String = step.try_get("detail").unwrap();
            // An index that is walked in its order is no scan of the table when the walk ends after a few rows.
            let walked = detail.starts_with("SCAN") && !detail.contains("USING COVERING INDEX");
            assert!(!walked, "{statement}\n{detail}");
        }
    }
}

#[tokio::test]
async fn a_scan_would_be_noticed() {
    let (pool, _) = filled(10).await;
    let plan = sqlx::query("EXPLAIN QUERY PLAN SELECT 1 FROM backchannel_sessions WHERE sub = 'a'")
        .fetch_one(&pool)
        .await
        .unwrap();
    let detail: String = plan.try_get("detail").unwrap();
    assert!(detail.starts_with("SCAN"), "{detail}");
}
