//! `mk8s audit`: who did what, for admins.

mod follow;

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::exit::Exit;
use super::kept::Kept;
use super::output::{self, Columns, Format, ListArgs, or_dash};
use super::session::SessionArgs;
use crate::client::{Client, ClientError};
use crate::model::audit::{AuditDecision, AuditFilter, AuditKind, AuditOutcome, AuditRecord, Broken, Checker, Writer};

/// Show who did what: all requests to clusters, commands, logins and changes; for admins
///
/// The latest records are shown last. --cluster, or MK8S_CLUSTER, shows those about one cluster.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    filter: FilterArgs,
    /// How many records to show at most [default: 100, or all with --output json]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Go on with what comes
    #[arg(short, long, conflicts_with_all = ["until", "limit"])]
    follow: bool,
    #[command(flatten)]
    output: ListArgs,
}

/// What else to do with it.
#[derive(Subcommand)]
enum AuditCommand {
    /// Check that no record was changed, removed or put elsewhere; prints the hashes to compare with those of another day
    Verify(ListArgs),
}

/// Which records; `--cluster`, or `MK8S_CLUSTER`, names the cluster that they are about.
#[derive(Args)]
struct FilterArgs {
    /// Of this user, by email address
    #[arg(long)]
    user: Option<String>,
    /// Of this kind: exec, api_call, gateway, login, account, admin
    #[arg(long)]
    kind: Option<AuditKind>,
    /// With this verb, such as delete
    #[arg(long)]
    verb: Option<String>,
    /// In this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only what was denied
    #[arg(long)]
    denied: bool,
    /// That ended so: complete, refused, failed, cut, gone, lost, unfinished
    #[arg(long)]
    outcome: Option<AuditOutcome>,
    /// The requests that one command made, by its id
    #[arg(long, value_name = "ID")]
    of: Option<String>,
    /// From then on: a time such as 2026-11-28T12:00:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

impl FilterArgs {
    fn filter(self, cluster: Option<String>) -> AuditFilter {
        AuditFilter {
            user: self.user,
            cluster,
            kind: self.kind,
            verb: self.verb,
            namespace: self.namespace,
            decision: self.denied.then_some(AuditDecision::Denied),
            outcome: self.outcome,
            parent: self.of,
            since: self.since,
            until: self.until,
            before: None,
            limit: None,
        }
    }
}

/// A time, or how long ago.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let ago: SignedDuration = text
        .parse()
        .map_err(|_| "write a time such as 2026-11-28T12:00:00Z, or how long ago, such as 2h".to_owned())?;
    Ok(Timestamp::now() - ago.abs())
}

/// Runs the command.
pub async fn run(session: &SessionArgs, args: AuditArgs) -> anyhow::Result<Exit> {
    let kept = Kept::of(session.resolve()?).await?;
    let client = kept.client().await?;
    if let Some(AuditCommand::Verify(output)) = args.command {
        return verify(&client, output).await;
    }
    let AuditArgs { filter, limit, follow, output, .. } = args;
    let filter = filter.filter(session.named_cluster());
    if let Some(cluster) =
        filter.cluster.as_deref().filter(|cluster| std::env::var("MK8S_CLUSTER").is_ok_and(|v| v == *cluster))
    {
        output::say(&format!("only what is about {cluster} (MK8S_CLUSTER): unset it to see logins and administration"));
    }
    match (follow, output.form.is_for_people()) {
        (true, _) => follow::run(&kept, filter, output).await,
        (false, false) => export(&client, &filter, limit, output.form.output).await,
        (false, true) => {
            let mut records = latest(&client, filter, limit.unwrap_or(100)).await?;
            records.reverse();
            output::print(&output.rows(&records, &columns()))
        }
    }
}

/// The latest records, the latest first.
async fn latest(client: &Client, filter: AuditFilter, limit: u32) -> Result<Vec<AuditRecord>, ClientError> {
    let mut records = Vec::new();
    let mut before = None;
    loop {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX) - records.len();
        let page = u16::try_from(wanted).unwrap_or(u16::MAX).min(AuditFilter::MAX_LIMIT);
        let page = client.audit(&AuditFilter { before, limit: Some(page), ..filter.clone() }).await?;
        records.extend(page.records);
        before = page.next;
        if before.is_none() || records.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Ok(records);
        }
    }
}

/// All records as they come, one a line.
async fn export(client: &Client, filter: &AuditFilter, limit: Option<u32>, format: Format) -> anyhow::Result<Exit> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let mut left = limit;
    let mut failed = None;
    client
        .audit_export(filter, |line| {
            let text = match format {
                Format::Json => [line, b"\n"].concat(),
                format => {
                    let record = serde_json::from_slice(line).map_err(|e| ClientError::Protocol(e.to_string()))?;
                    one(&record, format).map_err(|e| ClientError::Protocol(e.to_string()))?.into_bytes()
                }
            };
            failed = stdout.write_all(&text).err();
            left = left.map(|left| left - 1);
            Ok(failed.is_none() && left != Some(0))
        })
        .await?;
    match failed.map_or_else(|| stdout.flush(), Err) {
        Ok(()) => Ok(Exit::OK),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::BROKEN_PIPE),
        Err(error) => Err(error.into()),
    }
}

async fn verify(client: &Client, args: ListArgs) -> anyhow::Result<Exit> {
    let writers = client.audit_writers().await?;
    let mut rows = 0;
    for writer in &writers {
        let mut checker = Checker::new(writer.clone());
        let checked: Result<(), Broken> = client.audit_rows(&writer.id, |link| checker.check(&link)).await?;
        checked?;
        rows += checker.seq() - writer.pruned_seq;
        checker.finish()?;
    }
    let runs = if writers.len() == 1 { "run" } else { "runs" };
    output::say(&format!("{rows} rows of {} {runs} of central are as they were written", writers.len()));
    let columns = Columns::<Writer>::default()
        .column("STARTED", |writer| format!("{:.0}", writer.started_at))
        .column("WRITER", |writer| writer.id.clone())
        .column("ROWS", |writer| writer.seq.to_string())
        .column("HASH", |writer| writer.hash.clone());
    args.print(&writers, |writer| writer.id.clone(), "", &columns)
}

/// A record by itself, in one of the forms for programs.
fn one(record: &AuditRecord, format: Format) -> anyhow::Result<String> {
    Ok(match format {
        Format::Json => serde_json::to_string(record)? + "\n",
        Format::Yaml => format!("---\n{}", output::yaml(record)?),
        Format::Name | Format::Table | Format::Wide => format!("{}\n", record.id),
    })
}

fn columns() -> Columns<'static, AuditRecord> {
    Columns::<AuditRecord>::default()
        .column("TIME", |record| format!("{:.0}", record.time))
        .column("USER", |record| or_dash(record.user.as_ref()))
        .column("CLUSTER", |record| or_dash(record.cluster.as_ref()))
        .column("KIND", |record| or_dash(record.kind))
        .column("WHAT", what)
        .column("RESULT", result)
        .column("TOOK", |record| or_dash(record.duration_micros.map(|micros| format!("{} ms", micros / 1000))))
        .wide("FROM", |record| or_dash(record.source_ip.as_ref()))
        .wide("RULE", |record| or_dash(record.rule.as_ref()))
        .wide("ID", |record| record.id.clone())
}

/// What was asked for, in a few words.
fn what(record: &AuditRecord) -> String {
    if let Some(command) = &record.command {
        return command.clone();
    }
    let verb = record.verb.as_deref().unwrap_or("-");
    let Some(resource) = &record.resource else {
        return format!("{verb} {}", record.target.as_deref().unwrap_or_default()).trim_end().to_owned();
    };
    let sub = record.subresource.as_ref().map(|sub| format!("/{sub}")).unwrap_or_default();
    let name = record.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let namespace = record.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    format!("{verb} {resource}{sub}{name}{namespace}")
}

/// How it ended, in a few words.
fn result(record: &AuditRecord) -> String {
    let outcome = match (record.decision, record.outcome) {
        (Some(AuditDecision::Denied), _) => "denied",
        (_, None) => return "running".into(),
        (_, Some(AuditOutcome::Complete)) => "",
        (_, Some(outcome)) => outcome.as_str(),
    };
    let code = match (record.exit_code, record.status) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(status)) => status.to_string(),
        (None, None) => String::new(),
    };
    [outcome, &code].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RequestId;

    #[test]
    fn a_time_is_a_time_or_how_long_ago() {
        assert_eq!(time("2026-11-28T12:00:00Z").unwrap().to_string(), "2026-11-28T12:00:00Z");
        let ago = Timestamp::now().duration_since(time("2h").unwrap());
        assert!((7_199..7_201).contains(&ago.as_secs()), "{ago}");
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn a_record_is_a_line() {
        let mut record = AuditRecord::new(&RequestId::from("id".to_owned()));
        record.kind = Some(AuditKind::Gateway);
        record.verb = Some("delete".into());
        (record.resource, record.subresource) = (Some("pods".into()), Some("exec".into()));
        (record.name, record.namespace) = (Some("web".into()), Some("team".into()));
        assert_eq!((what(&record).as_str(), result(&record).as_str()), ("delete pods/exec web -n team", "running"));
        (record.status, record.outcome) = (Some(200), Some(AuditOutcome::Complete));
        assert_eq!(result(&record), "200");
        (record.exit_code, record.outcome) = (Some(3), Some(AuditOutcome::Cut));
        assert_eq!(result(&record), "cut exit 3");
        record.decision = Some(AuditDecision::Denied);
        assert_eq!(result(&record), "denied exit 3");
        record.command = Some("get pods".into());
        assert_eq!(what(&record), "get pods");
    }
}
