//! A cluster that changes under the store.

use super::*;
use tower_backchannel_logout::session::SessionStore;

struct World {
    cluster: Cluster,
    store: RedisStore,
    namespace: String,
}

fn world(replicas: bool) -> Option<World> {
    let cluster = Cluster::start(replicas)?;
    let namespace = namespace();
    let builder = RedisStoreBuilder::cluster(cluster.urls()).with_namespace(&namespace);
    Some(World {
        store: builder.build().unwrap(),
        cluster,
        namespace,
    })
}

/// Until the store is answered again.
async fn recovered(store: &RedisStore) {
    for _ in 0..600 {
        if store.status(&id("anybody")).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store did not recover");
}

#[tokio::test]
async fn a_namespace_that_moves_to_another_node_is_followed() {
    let Some(world) = world(false) else { return };
    begin(&world.store, session("a", "customer", Some("A"), now())).await;
    let nodes = &world.cluster.nodes;
    let from = world.cluster.owner(&world.namespace);
    let to = (from + 1) % nodes.len();
    let slot: i64 = nodes[from].ask(&["CLUSTER", "KEYSLOT", &format!("{{{}}}:", world.namespace)]);
    let slot = slot.to_string();
    let name = |node: &Server| -> String { node.ask(&["CLUSTER", "MYID"]) };
    let (old, new) = (name(&nodes[from]), name(&nodes[to]));
    let _: String = nodes[to].ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &old]);
    let _: String = nodes[from].ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &new]);
    let keys: Vec<String> = nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]);
    let port = nodes[to].port().to_string();
    let mut command = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
    command.extend(keys.iter().map(String::as_str));
    let _: String = nodes[from].ask(&command);
    for node in [&nodes[to], &nodes[from]] {
        let _: String = node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &new]);
    }
    assert!(is_live(&world.store, "a").await);
    let terminated = world
        .store
        .terminate(&by_subject("customer", now()))
        .await
        .unwrap();
    assert_eq!(names(&terminated), ["a"]);
}

#[tokio::test]
async fn a_planned_failover_loses_nothing() {
    let Some(world) = world(true) else { return };
    for nth in 0..20 {
        begin(
            &world.store,
            session(&nth.to_string(), &nth.to_string(), None, now()),
        )
        .await;
    }
    let owner = world.cluster.owner(&world.namespace);
    let replica = &world.cluster.nodes[owner + 3];
    for nth in 0..10 {
        world
            .store
            .terminate(&by_subject(&nth.to_string(), now()))
            .await
            .unwrap();
    }
    // The nodes give it up after five seconds on a machine that is slow at the moment; then it is asked for again.
    let mut asked: Option<std::time::Instant> = None;
    wait_for("failover", || {
        if replica.info("replication", "role") == "master" {
            return Some(());
        }
        if asked.is_none_or(|at| at.elapsed() > Duration::from_secs(6)) {
            let _: String = replica.ask(&["CLUSTER", "FAILOVER"]);
            asked = Some(std::time::Instant::now());
        }
        None
    });
    recovered(&world.store).await;
    for nth in 10..20 {
        assert!(is_live(&world.store, &nth.to_string()).await);
        let logout = world
            .store
            .terminate(&by_subject(&nth.to_string(), now()))
            .await;
        assert_eq!(logout.unwrap().newly_ended, 1);
    }
    for nth in 0..20 {
        assert!(!is_live(&world.store, &nth.to_string()).await);
    }
}

#[tokio::test]
async fn a_node_that_dies_is_an_error_until_its_replica_takes_over() {
    let Some(mut world) = world(true) else { return };
    begin(&world.store, session("a", "customer", None, now())).await;
    begin(&world.store, session("b", "another", None, now())).await;
    world
        .store
        .terminate(&by_subject("customer", now()))
        .await
        .unwrap();
    let owner = world.cluster.owner(&world.namespace);
    let offset = |server: &Server, name: &str| server.info("replication", name);
    wait_for("replication", || {
        let replica = offset(&world.cluster.nodes[owner + 3], "slave_repl_offset");
        (replica == offset(&world.cluster.nodes[owner], "master_repl_offset")).then_some(())
    });
    world.cluster.nodes[owner].kill();
    let begun = std::time::Instant::now();
    let _ = world.store.status(&id("a")).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2));
    recovered(&world.store).await;
    assert!(!is_live(&world.store, "a").await);
    let terminated = world
        .store
        .terminate(&by_subject("another", now()))
        .await
        .unwrap();
    assert_eq!(names(&terminated), ["b"]);
}

#[tokio::test]
async fn a_cluster_that_is_down_is_an_error_and_back_it_answers() {
    let Some(mut world) = world(false) else {
        return;
    };
    assert!(!is_live(&world.store, "a").await);
    for node in &mut world.cluster.nodes {
        node.kill();
    }
    let begun = std::time::Instant::now();
    let answer = world.store.terminate(&by_subject("customer", now())).await;
    answer.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2));
    for node in &mut world.cluster.nodes {
        node.start_again();
    }
    world.cluster.wait_until_whole();
    recovered(&world.store).await;
    begin(&world.store, session("a", "customer", None, now())).await;
}
