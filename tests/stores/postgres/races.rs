//! Races with the slow side held still, by a trigger, at the one moment that matters: between what it read and what it writes.

use super::*;

const LEVELS: [&str; 3] = ["read committed", "repeatable read", "serializable"];

struct Held {
    store: PostgresStore,
    clock: Hand,
    pool: PgPool,
    prefix: String,
}

impl Held {
    /// Statements of a kind on a table wait until `go`, after they were made and before they are done.
    async fn at(server: &Server, level: &str, moment: &str) -> Self {
        let pool = pool_with(server, &[("default_transaction_isolation", level)]);
        let clock = Hand::new();
        let (store, prefix) = configured(&pool, |builder| {
            builder
                .with_clock(clock.clone())
                .with_timeout(Duration::from_secs(60))
        })
        .await;
        let held = Self {
            store,
            clock,
            pool,
            prefix,
        };
        // The gate is a lock of its own; whoever is held is counted by its wait.
        let gate = format!(
            "CREATE FUNCTION {{p}}gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_advisory_xact_lock_shared(hashtext('{{p}}gate'));
                RETURN coalesce(NEW, OLD); END $$;
            CREATE TRIGGER gate {moment} FOR EACH ROW EXECUTE FUNCTION {{p}}gate()"
        );
        run(&held.pool, &held.prefix, &gate.replace("ON ", "ON {p}")).await;
        held
    }

    /// One side is held at the gate, the other one comes; then both go on.
    async fn race<A: Send + 'static, B: Send + 'static>(
        &self,
        held: impl Future<Output = A> + Send + 'static,
        other: impl Future<Output = B> + Send + 'static,
    ) -> (A, B) {
        let mut gate = self.pool.begin().await.unwrap();
        let close = format!(
            "SELECT pg_advisory_xact_lock(hashtext('{}gate'))",
            self.prefix
        );
        gate.execute(close.as_str()).await.unwrap();
        let held = tokio::spawn(held);
        let waits = format!(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'
                AND objid = hashtext('{}gate')::bigint & 4294967295",
            self.prefix
        );
        while number(&self.pool, "", &waits).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let other = tokio::spawn(other);
        // Long enough to come through if nothing stops it.
        tokio::time::sleep(Duration::from_millis(150)).await;
        gate.commit().await.unwrap();
        (held.await.unwrap(), other.await.unwrap())
    }

    /// Neither now nor when the mark is gone.
    async fn is_over_for_good(&self, name: &str) {
        assert!(!is_live(&self.store, name).await, "{name} is live");
        self.clock.advance(700);
        assert!(!is_live(&self.store, name).await, "{name} came back");
    }
}

fn requests(now: UnixTime) -> [LogoutRequest; 3] {
    [
        by_subject("customer", now),
        by_sid("A", now),
        by_both("A", "customer", now),
    ]
}

#[tokio::test]
async fn a_login_that_has_seen_no_mark_is_found_by_its_logout() {
    let Some(server) = Server::shared() else {
        return;
    };
    for level in LEVELS {
        for nth in 0..3 {
            let held = Held::at(&server, level, "BEFORE INSERT ON sessions").await;
            let (login, logout) = (held.store.clone(), held.store.clone());
            let now = held.clock.now();
            let new = session("a", "customer", Some("A"), now);
            let request = requests(now)[nth].clone();
            let (login, logout) = held
                .race(
                    async move { login.register(new).await.unwrap() },
                    async move { logout.terminate(&request).await.unwrap() },
                )
                .await;
            assert_eq!(login, Registration::Registered);
            assert_eq!(names(&logout), ["a"], "{level}");
            held.is_over_for_good("a").await;
        }
    }
}

#[tokio::test]
async fn a_logout_whose_marks_are_not_visible_yet_refuses_the_login() {
    let Some(server) = Server::shared() else {
        return;
    };
    for level in LEVELS {
        for nth in 0..3 {
            let held = Held::at(&server, level, "AFTER INSERT ON news").await;
            let (login, logout) = (held.store.clone(), held.store.clone());
            let now = held.clock.now();
            let new = session("a", "customer", Some("A"), now);
            let request = requests(now)[nth].clone();
            let (logout, login) = held
                .race(
                    async move { logout.terminate(&request).await.unwrap() },
                    async move { login.register(new).await.unwrap() },
                )
                .await;
            assert!(logout.sessions.is_empty());
            assert_eq!(login, Registration::AlreadyLoggedOut, "{level}");
            held.is_over_for_good("a").await;
        }
    }
}

#[tokio::test]
async fn a_rotation_under_way_does_not_save_its_session() {
    let Some(server) = Server::shared() else {
        return;
    };
    for level in LEVELS {
        for nth in 0..3 {
            let held = Held::at(&server, level, "BEFORE UPDATE OF tag ON sessions").await;
            let (rotation, logout) = (held.store.clone(), held.store.clone());
            let now = held.clock.now();
            begin(&held.store, session("a", "customer", Some("A"), now)).await;
            let request = requests(now)[nth].clone();
            let (rotation, logout) = held
                .race(
                    async move { rotation.rebind(&id("a"), &id("b")).await.unwrap() },
                    async move { logout.terminate(&request).await.unwrap() },
                )
                .await;
            assert_eq!(rotation, Rebinding::Rebound);
            assert_eq!(names(&logout), ["b"], "{level}");
            held.is_over_for_good("a").await;
            held.is_over_for_good("b").await;
        }
    }
}

#[tokio::test]
async fn a_later_login_waits_for_no_logout_of_somebody_else() {
    let Some(server) = Server::shared() else {
        return;
    };
    let held = Held::at(&server, LEVELS[0], "AFTER INSERT ON news").await;
    let (logout, now) = (held.store.clone(), held.clock.now());
    let pool = pool(&server);
    let quick = PostgresStore::builder(pool).with_table_prefix(&held.prefix);
    let quick = quick.build().unwrap();
    let (_, ()) = held
        .race(
            async move { logout.terminate(&by_subject("customer", now)).await },
            async move {
                let begun = std::time::Instant::now();
                begin(&quick, session("b", "somebody else", Some("B"), now)).await;
                assert!(begun.elapsed() < Duration::from_secs(1));
                assert!(is_live(&quick, "b").await);
            },
        )
        .await;
}
