//! `mk8s admin roles`: the roles that users can have.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::apply;
use crate::cli::exit::{Exit, with_hint};
use crate::cli::output::{self, Format, OutputArgs};
use crate::cli::prompt::confirm_deletion;
use crate::cli::session::SessionArgs;
use crate::client::ClientError;
use crate::model::{ErrorCode, Role, RoleName, RoleSpec};

/// What to do with roles.
#[derive(Subcommand)]
pub enum RolesCommand {
    /// List all roles
    #[command(visible_alias = "ls")]
    List(OutputArgs),
    /// Show one role, in the form that `apply` reads
    Show {
        /// Its name
        name: RoleName,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Document::Yaml)]
        output: Document,
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

/// The forms of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// For people
    Yaml,
    /// For programs
    Json,
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: RolesCommand) -> anyhow::Result<Exit> {
    match command {
        RolesCommand::List(args) => {
            let roles = session.resolve()?.client().await?.roles().await?;
            output::print(&listed(roles, args.output)?)
        }
        RolesCommand::Show { name, output } => {
            let role = session.resolve()?.client().await?.role(&name).await.map_err(not_found)?;
            let role = RoleSpec::from(role);
            output::print(&match output {
                Document::Yaml => serde_saphyr::to_string(&role)?,
                Document::Json => output::json(&role)?,
            })
        }
        RolesCommand::Apply { filename } => apply::run(session, &filename).await,
        RolesCommand::Delete { name, yes } => {
            confirm_deletion("role", name.as_str(), yes)?;
            session.resolve()?.client().await?.delete_role(&name).await.map_err(|error| {
                match error.problem().map(|problem| problem.code) {
                    Some(ErrorCode::Conflict) => with_hint(error, ErrorCode::Conflict, "mk8s admin users list"),
                    _ => not_found(error),
                }
            })?;
            eprintln!("deleted role {:?}", name.as_str());
            Ok(Exit::OK)
        }
    }
}

fn not_found(error: ClientError) -> anyhow::Error {
    with_hint(error, ErrorCode::NotFound, "mk8s admin roles list")
}

/// Roles, in one of the forms of lists.
pub fn listed(roles: Vec<Role>, format: Format) -> anyhow::Result<String> {
    let row = |role: Role| {
        let built_in = if role.built_in { "yes" } else { "no" };
        vec![
            role.name.to_string(),
            built_in.into(),
            role.permissions.len().to_string(),
            role.deny.len().to_string(),
            role.description,
        ]
    };
    Ok(match format {
        Format::Json => output::json(&roles)?,
        Format::Name => roles.iter().map(|role| format!("{}\n", role.name)).collect(),
        Format::Table => output::table(
            &["NAME", "BUILT IN", "PERMISSIONS", "DENIALS", "DESCRIPTION"],
            roles.into_iter().map(row).collect(),
        ),
    })
}
