//! `mk8s doctor`: everything that a command takes for granted, looked at one by one, from this machine to the API server.

mod client;
mod cluster;
mod report;
mod requests;
mod server;
mod session;
mod skew;

use clap::Args;

use super::exit::Exit;
use super::output::{self, Format, OutputArgs};
use super::session::SessionArgs;
use report::{Outcome, Report};

/// The end of `mk8s help doctor`.
pub const HELP: &str = "\
Asks no questions and changes nothing, but for a session that is renewed as by any other command. Each check has 5 s;
what depends on a check that failed is skipped. Ends with 1 if a check failed, and with 0 if there are warnings only.";

/// Options of `doctor`.
#[derive(Args)]
pub struct DoctorArgs {
    /// The namespace in which WebSockets and SPDY are tried
    #[arg(short, long, default_value = "default")]
    namespace: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs all checks. Fails itself only when nothing can be written.
pub async fn run(args: &SessionArgs, options: DoctorArgs) -> anyhow::Result<Exit> {
    let format = options.output.output;
    let mut report = Report::default();
    let known = client::check(&mut report, args).await;
    show(&mut report, format)?;
    let reached = server::check(&mut report, known.as_ref()).await;
    show(&mut report, format)?;
    let caller = session::check(&mut report, known.as_ref(), reached.as_ref()).await;
    show(&mut report, format)?;
    cluster::check(&mut report, known.as_ref(), reached.as_ref(), caller, &options.namespace).await;
    show(&mut report, format)?;
    let end = match format {
        Format::Table | Format::Wide => report.summary(),
        Format::Json => output::json(&report)?,
        Format::Yaml => output::yaml(&report)?,
        Format::Name => report.failed().map(|check| format!("{}\n", check.check)).collect(),
    };
    let written = output::print(&end)?;
    match report.result() {
        Outcome::Failed if written == Exit::OK => Ok(Exit::FAILURE),
        _ => Ok(written),
    }
}

/// Shows a group as soon as it is done: the next may take its time.
fn show(report: &mut Report, format: Format) -> anyhow::Result<()> {
    if matches!(format, Format::Table | Format::Wide) {
        output::print(&report.next_group(report::colours()))?;
    }
    Ok(())
}
