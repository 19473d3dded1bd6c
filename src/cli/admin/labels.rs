//! `mk8s admin clusters label`: labels as kubectl takes them, `KEY=VALUE` to set one and `KEY-` to remove it.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::Args;

use super::clusters::not_found;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::session::SessionArgs;
use crate::model::token::ClusterChange;
use crate::model::{ClusterName, LabelChange, Labels};

/// Which labels of which cluster.
#[derive(Args)]
pub struct LabelArgs {
    /// Its name
    name: ClusterName,
    /// What to set and to remove: KEY=VALUE, KEY-
    #[arg(required = true, value_name = "LABEL")]
    labels: Vec<Label>,
    /// Give labels that are there another value
    #[arg(long)]
    overwrite: bool,
}

/// A label to set, or to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    key: String,
    value: Option<String>,
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.split_once('='), text.strip_suffix('-')) {
            (Some((key, value)), _) => Ok(Self { key: key.to_owned(), value: Some(value.to_owned()) }),
            (None, Some(key)) => Ok(Self { key: key.to_owned(), value: None }),
            (None, None) => Err("write KEY=VALUE to set a label, KEY- to remove one".into()),
        }
    }
}

/// Changes the labels of a cluster.
pub async fn run(session: &SessionArgs, args: LabelArgs) -> anyhow::Result<Exit> {
    let LabelArgs { name, labels, overwrite } = args;
    let change = change(labels)?;
    // What central would refuse is refused before it is asked.
    Labels::default().changed(&change).map_err(|error| CliError::usage(error.to_string(), HINT))?;
    let client = session.resolve()?.client().await?;
    let before = client.admin_cluster(&name).await.map_err(not_found)?.labels;
    let other = change.0.iter().find_map(|(key, value)| {
        let (old, new) = (before.get(key)?, value.as_deref()?);
        (old != new).then_some((key, old))
    });
    if let Some((key, old)) = other.filter(|_| !overwrite) {
        let what = format!("cluster {:?} has the label {key}={old} already", name.as_str());
        return Err(
            CliError { what, hint: Some("--overwrite gives it another value".into()), exit: Exit::FAILURE }.into()
        );
    }
    let after = client.change_cluster(&name, &ClusterChange { labels: change }).await.map_err(not_found)?.labels;
    let changed = if after == before { "are as they were" } else { "changed" };
    output::say(&format!("labels of cluster {:?} {changed}", name.as_str()));
    Ok(Exit::OK)
}

const HINT: &str = "mk8s admin clusters label prod-eu env=prod tier- sets one label and removes another";

fn change(labels: Vec<Label>) -> Result<LabelChange, CliError> {
    let mut change = BTreeMap::new();
    for Label { key, value } in labels {
        if change.insert(key.clone(), value).is_some() {
            return Err(CliError::usage(format!("the label {key:?} is there twice"), HINT));
        }
    }
    Ok(LabelChange(change))
}

/// Labels to set, of which none is to be removed.
pub fn to_set(labels: Vec<Label>) -> Result<Labels, CliError> {
    if let Some(Label { key, .. }) = labels.iter().find(|label| label.value.is_none()) {
        return Err(CliError::usage(format!("a new cluster has no label {key:?} to remove"), HINT));
    }
    Labels::default().changed(&change(labels)?).map_err(|error| CliError::usage(error.to_string(), HINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_as_for_kubectl() {
        let label = |text: &str| text.parse::<Label>().map(|Label { key, value }| (key, value));
        assert_eq!(label("env=prod"), Ok(("env".into(), Some("prod".into()))));
        assert_eq!(label("env="), Ok(("env".into(), Some(String::new()))));
        assert_eq!(label("env=a-"), Ok(("env".into(), Some("a-".into()))));
        assert_eq!(label("a.b/env-"), Ok(("a.b/env".into(), None)));
        assert!(label("env").is_err());
    }

    #[test]
    fn a_new_cluster_has_the_labels_that_are_given() {
        let labels = |texts: &[&str]| to_set(texts.iter().map(|text| text.parse().unwrap()).collect());
        assert_eq!(labels(&["a=1", "b="]).unwrap().iter().collect::<Vec<_>>(), [("a", "1"), ("b", "")]);
        for bad in [&["a-"][..], &["a=1", "a=2"], &["a=b c"], &["=x"]] {
            assert!(labels(bad).is_err(), "{bad:?}");
        }
    }
}
