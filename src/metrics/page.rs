//! One answer with metrics, while it is written: each metric with its help, its type, and a value for each set of labels.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;

/// The labels of a value, and the value.
pub type Series<'a, V, const N: usize> = ([(&'static str, &'a str); N], V);

/// The page.
pub struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    /// A page that is written here.
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }
}

impl Page<'_> {
    /// A value that goes up and down, without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    /// The same with labels.
    pub fn gauges<'s, V: EncodeGaugeValue, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Series<'s, V, N>>,
    ) -> fmt::Result {
        let values = values.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family(name, help, MetricType::Gauge, values, EncodeMetric::encode)
    }

    /// A value that only goes up, without labels. `name` is without its `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: impl EncodeCounterValue) -> fmt::Result {
        ConstCounter::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    /// The same with labels.
    pub fn counters<'s, V: EncodeCounterValue, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Series<'s, V, N>>,
    ) -> fmt::Result {
        let values = values.into_iter().map(|(labels, value)| (labels, ConstCounter::new(value)));
        self.family(name, help, MetricType::Counter, values, EncodeMetric::encode)
    }

    /// How values are spread, without labels.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        histogram.encode(self.0.encode_descriptor(name, help, None, MetricType::Histogram)?)
    }

    /// The same with labels.
    pub fn histograms<'s, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Series<'s, &'s Histogram, N>>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, values, |histogram, encoder| histogram.encode(encoder))
    }

    fn family<'s, M, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        values: impl IntoIterator<Item = Series<'s, M, N>>,
        encode: impl Fn(&M, MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        values.into_iter().try_for_each(|(labels, value)| encode(&value, metric.encode_family(&labels)?))
    }
}
