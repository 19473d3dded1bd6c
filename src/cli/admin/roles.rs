//! `mk8s admin roles`: the roles that users can have.

use clap::Subcommand;

use crate::cli::exit::Exit;
use crate::cli::output::{self, Format, OutputArgs};
use crate::cli::session::SessionArgs;

/// What to do with roles.
#[derive(Subcommand)]
pub enum RolesCommand {
    /// List all roles
    #[command(visible_alias = "ls")]
    List(OutputArgs),
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: RolesCommand) -> anyhow::Result<Exit> {
    let RolesCommand::List(args) = command;
    let roles = session.resolve()?.client().await?.roles().await?;
    let text = match args.output {
        Format::Json => output::json(&roles)?,
        Format::Name => roles.iter().map(|role| format!("{}\n", role.name)).collect(),
        Format::Table => output::table(
            &["NAME", "DESCRIPTION"],
            roles.into_iter().map(|role| vec![role.name.to_string(), role.description]).collect(),
        ),
    };
    output::print(&text)
}
