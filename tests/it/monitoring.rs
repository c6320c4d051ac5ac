//! The table of figures in the documentation, and the dashboard and the alert rules that are built on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) labels: Vec<String>,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The table in `src/metrics.rs`, in its order; the labels of each figure sorted.
pub(crate) fn table() -> Vec<Figure> {
    read("src/metrics.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `backchannel_logout_"))
        .map(|line| {
            let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
            let name = format!("backchannel_logout_{}", cells.next().unwrap());
            let kind = cells.next().unwrap().to_owned();
            let labels = cells.next().unwrap().split(", ");
            let mut labels: Vec<_> = labels
                .map(|label| label.trim_matches('`').to_owned())
                .filter(|label| !label.is_empty())
                .collect();
            labels.sort();
            Figure { name, kind, labels }
        })
        .collect()
}

/// The names as they appear in the Prometheus text: a histogram is three series.
fn exposed() -> BTreeSet<String> {
    table()
        .into_iter()
        .flat_map(|figure| match figure.kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"]
                .map(|end| format!("{}{end}", figure.name))
                .to_vec(),
            _ => vec![figure.name],
        })
        .collect()
}

fn mentioned(text: &str) -> BTreeSet<String> {
    text.match_indices("backchannel_logout_")
        .map(|(at, _)| {
            text[at..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect()
        })
        .collect()
}

#[test]
fn the_table_is_read_as_it_is_written() {
    let table = table();
    assert_eq!(table.len(), 17);
    let first = Figure {
        name: "backchannel_logout_requests_total".to_owned(),
        kind: "counter".to_owned(),
        labels: vec!["outcome".to_owned(), "reason".to_owned()],
    };
    assert_eq!(table[0], first);
    for figure in table {
        let kinds = ["counter", "gauge", "histogram"];
        assert!(kinds.contains(&figure.kind.as_str()), "{figure:?}");
        assert_eq!(figure.kind == "counter", figure.name.ends_with("_total"));
    }
}

#[test]
fn dashboard_and_alerts_mention_only_figures_that_exist() {
    let exposed = exposed();
    for path in [
        "examples/observability/dashboard.json",
        "examples/observability/alerts.yml",
    ] {
        let names = mentioned(&read(path));
        assert!(names.len() >= 5, "{path}");
        let unknown: Vec<_> = names.difference(&exposed).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
}

#[test]
fn every_figure_is_on_the_dashboard() {
    let names = mentioned(&read("examples/observability/dashboard.json"));
    for figure in table() {
        let shown = names.iter().any(|name| name.starts_with(&figure.name));
        assert!(shown, "{}", figure.name);
    }
}

#[test]
fn the_dashboard_is_json_whose_panels_have_ids_places_and_queries_of_their_own() {
    let dashboard: Value =
        serde_json::from_str(&read("examples/observability/dashboard.json")).unwrap();
    assert_eq!(dashboard["uid"], "backchannel-logout");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(places.insert(panel["gridPos"].to_string()), "{panel}");
        assert!(!panel["description"].as_str().unwrap().is_empty());
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("backchannel_logout_"), "{query}");
            assert_eq!(query.matches('(').count(), query.matches(')').count());
            assert_eq!(query.matches('{').count(), query.matches('}').count());
        }
    }
}

#[test]
fn each_alert_says_how_bad_it_is_and_what_to_do() {
    let text = read("examples/observability/alerts.yml");
    assert!(!text.contains('\t'), "YAML has no tabs");
    let rules: Vec<_> = text.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 6);
    for rule in rules {
        for part in ["expr:", "for:", "severity:", "summary:", "description:"] {
            assert!(rule.contains(part), "{part} in {rule}");
        }
    }
}
