//! `mk8s admin roles`: the roles that users can have.

use std::path::PathBuf;

use clap::Subcommand;

use super::apply;
use crate::cli::exit::{Exit, with_hint};
use crate::cli::output;
use crate::cli::output::{Columns, Format, ListArgs, OutputArgs};
use crate::cli::prompt::confirm_deletion;
use crate::cli::session::SessionArgs;
use crate::client::ClientError;
use crate::model::{ErrorCode, Role, RoleName, RoleSpec};

/// What to do with roles.
#[derive(Subcommand)]
pub enum RolesCommand {
    /// List all roles
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one role, in the form that `apply` reads
    Show {
        /// Its name
        name: RoleName,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Make the roles of a file, or give them the content that they have there
    ///
    /// The file is YAML or JSON, one role a document. Nothing is changed unless all of them are valid.
    Apply {
        /// The file; - is standard input
        #[arg(short, long, value_name = "FILE")]
        filename: PathBuf,
    },
    /// Remove a role that no user and no token has
    Delete {
        /// Its name
        name: RoleName,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: RolesCommand) -> anyhow::Result<Exit> {
    match command {
        RolesCommand::List(args) => {
            let roles = session.resolve()?.client().await?.roles().await?;
            list(&roles, args)
        }
        RolesCommand::Show { name, output } => {
            let role = session.resolve()?.client().await?.role(&name).await.map_err(not_found)?;
            // People read YAML, too, and it can be applied.
            let form = if output.is_for_people() { OutputArgs { output: Format::Yaml } } else { output };
            form.print(&RoleSpec::from(role), &name, |_| String::new())
        }
        RolesCommand::Apply { filename } => apply::run(session, &filename).await,
        RolesCommand::Delete { name, yes } => {
            confirm_deletion("role", name.as_str(), yes)?;
            session.resolve()?.client().await?.delete_role(&name).await.map_err(|error| {
                match error.problem().map(|problem| problem.code) {
                    Some(ErrorCode::Conflict) => with_hint(
                        error,
                        ErrorCode::Conflict,
                        "mk8s admin users list shows who has it, and mk8s admin roles apply changes what it permits",
                    ),
                    _ => not_found(error),
                }
            })?;
            output::say(&format!("deleted role {:?}", name.as_str()));
            Ok(Exit::OK)
        }
    }
}

fn not_found(error: ClientError) -> anyhow::Error {
    with_hint(error, ErrorCode::NotFound, "mk8s admin roles list")
}

/// Prints roles.
pub fn list(roles: &[Role], args: ListArgs) -> anyhow::Result<Exit> {
    let columns = Columns::<Role>::default()
        .column("NAME", |role| role.name.to_string())
        .column("BUILT IN", |role| if role.built_in { "yes" } else { "no" }.into())
        .column("PERMISSIONS", |role| role.permissions.len().to_string())
        .column("DENIALS", |role| role.deny.len().to_string())
        .column("DESCRIPTION", |role| role.description.clone());
    args.print(roles, |role| role.name.to_string(), "", &columns)
}
