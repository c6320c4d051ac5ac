//! A recorder that remembers everything, by series.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// A series as Prometheus writes it: `name{label="value",…}`, labels in order.
type Series = String;

#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Figures>>);

#[derive(Debug, Default)]
struct Figures {
    values: BTreeMap<Series, (&'static str, Vec<f64>)>,
    described: BTreeMap<String, (&'static str, Option<Unit>)>,
}

/// Runs something and gives back what was counted meanwhile on this thread.
pub(crate) async fn counted(work: impl Future<Output = ()>) -> Seen {
    let seen = Seen::default();
    let guard = metrics::set_default_local_recorder(&seen);
    work.await;
    drop(guard);
    seen
}

impl Seen {
    /// A counter's sum or a gauge's value; `None` for a series that was never written.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.all(series)
            .map(|values| values.last().copied().unwrap())
    }

    /// The values of a histogram, or the course of a counter or a gauge.
    pub(crate) fn all(&self, series: &str) -> Option<Vec<f64>> {
        let figures = self.0.lock().unwrap();
        figures.values.get(series).map(|(_, values)| values.clone())
    }

    /// Every series of a metric with its latest value.
    pub(crate) fn series(&self, name: &str) -> Vec<(String, f64)> {
        let figures = self.0.lock().unwrap();
        figures
            .values
            .iter()
            .filter(|(series, _)| name_of(series) == name)
            .map(|(series, (_, values))| (series.clone(), *values.last().unwrap()))
            .collect()
    }

    /// Name, kind and labels of everything that was written.
    pub(crate) fn shapes(&self) -> BTreeMap<String, (String, Vec<String>)> {
        let figures = self.0.lock().unwrap();
        figures
            .values
            .iter()
            .map(|(series, (kind, _))| {
                let labels = series
                    .split(['{', '}'])
                    .nth(1)
                    .unwrap_or_default()
                    .split(',')
                    .filter_map(|label| Some(label.split_once('=')?.0.to_owned()))
                    .collect();
                (name_of(series).to_owned(), ((*kind).to_owned(), labels))
            })
            .collect()
    }

    pub(crate) fn described(&self) -> BTreeMap<String, (&'static str, Option<Unit>)> {
        self.0.lock().unwrap().described.clone()
    }

    fn describe(&self, name: &KeyName, kind: &'static str, unit: Option<Unit>) {
        let mut figures = self.0.lock().unwrap();
        figures
            .described
            .insert(name.as_str().to_owned(), (kind, unit));
    }

    fn cell(&self, key: &Key, kind: &'static str) -> Arc<Cell> {
        let mut labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}=\"{}\"", label.key(), label.value()))
            .collect();
        labels.sort();
        let series = if labels.is_empty() {
            key.name().to_owned()
        } else {
            format!("{}{{{}}}", key.name(), labels.join(","))
        };
        Arc::new(Cell {
            seen: self.clone(),
            series,
            kind,
        })
    }
}

fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap()
}

struct Cell {
    seen: Seen,
    series: Series,
    kind: &'static str,
}

impl Cell {
    fn push(&self, next: impl FnOnce(f64) -> f64) {
        let mut figures = self.seen.0.lock().unwrap();
        let (kind, values) = figures
            .values
            .entry(self.series.clone())
            .or_insert_with(|| (self.kind, Vec::new()));
        assert_eq!(*kind, self.kind, "{}", self.series);
        let before = values.last().copied().unwrap_or_default();
        values.push(next(before));
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.push(|before| before + value as f64);
    }

    fn absolute(&self, value: u64) {
        self.push(|_| value as f64);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.push(|before| before + value);
    }

    fn decrement(&self, value: f64) {
        self.push(|before| before - value);
    }

    fn set(&self, value: f64) {
        self.push(|_| value);
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.push(|_| value);
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, "counter", unit);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, "gauge", unit);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, "histogram", unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key, "counter"))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key, "gauge"))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key, "histogram"))
    }
}
