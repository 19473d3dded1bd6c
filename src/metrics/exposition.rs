//! The text of an answer with metrics, in the form that the client reads: OpenMetrics, or that of Prometheus before it.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use super::{Measured, Page, process};
use crate::model::version::{COMMIT, VERSION};

/// The form of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4.
    Text,
}

impl Form {
    /// What a client with this `Accept` header reads.
    pub fn accepted(accept: &str) -> Self {
        match accept.contains("application/openmetrics-text") {
            true => Self::OpenMetrics,
            false => Self::Text,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// A server, as the library asks it.
struct Everything(Arc<dyn Measured>);

impl fmt::Debug for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.role())
    }
}

impl Collector for Everything {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let build = [("version", VERSION), ("commit", COMMIT), ("role", self.0.role())];
        page.gauges("mk8s_build_info", "Always 1; the labels say which build this is.", [(build, 1u32)])?;
        let ready = u32::from(self.0.not_ready().is_none());
        page.gauge("mk8s_ready", "Whether it can serve, as GET /ready says: 1 or 0.", ready)?;
        self.0.write(&mut page)?;
        process::write(&mut page)
    }
}

/// All metrics of a server. Reads files, so it blocks.
///
/// # Errors
/// When they cannot be written, which a text never refuses.
pub fn text(measured: Arc<dyn Measured>, form: Form) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Everything(measured)));
    let mut text = String::new();
    match form {
        Form::OpenMetrics => text::encode(&mut text, &registry)?,
        Form::Text => prometheus_text::encode(&mut text, &registry)?,
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    struct Example;

    impl Measured for Example {
        fn role(&self) -> &'static str {
            "example"
        }

        fn not_ready(&self) -> Option<String> {
            Some("it is an example".into())
        }

        fn write(&self, page: &mut Page<'_>) -> fmt::Result {
            let histogram = super::super::answers();
            histogram.observe(0.02);
            page.counters("mk8s_things", "Things.", [([("kind", "a\"b\\c\nd")], 3u64)])?;
            page.histograms("mk8s_time_seconds", "Time.", [([("verb", "get")], &histogram)])
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let text = text(Arc::new(Example), Form::Text).unwrap();
        for line in [
            "# HELP mk8s_things_total Things.",
            "# TYPE mk8s_things_total counter",
            r#"mk8s_things_total{kind="a\"b\\c\nd"} 3"#,
            "# TYPE mk8s_time_seconds histogram",
            r#"mk8s_time_seconds_bucket{verb="get",le="0.025"} 1"#,
            "mk8s_ready 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        let open = super::text(Arc::new(Example), Form::OpenMetrics).unwrap();
        assert!(open.ends_with("# EOF\n") && open.contains("# TYPE mk8s_things counter"), "{open}");
        // They differ in the order of the values of a histogram, and in the form of the bounds.
        let values = |text: &str| {
            let own = text.lines().filter(|line| line.starts_with("mk8s_") && !line.contains("_bucket"));
            own.map(str::to_owned).collect::<BTreeSet<_>>()
        };
        assert_eq!(values(&text), values(&open));
    }

    #[test]
    fn the_client_chooses_the_form() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        assert_eq!(Form::accepted(prometheus), Form::OpenMetrics);
        assert_eq!(Form::accepted("*/*"), Form::Text);
    }
}
