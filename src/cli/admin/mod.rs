//! `mk8s admin`: users, roles and clusters, for those who have the role `admin`.

mod clusters;
mod install;
mod roles;
mod tokens;
mod users;

use clap::Subcommand;

use super::exit::Exit;
use super::session::SessionArgs;

/// What to administer.
#[derive(Subcommand)]
pub enum AdminCommand {
    /// Make, change and remove users
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Show the roles that users can have
    #[command(subcommand)]
    Roles(roles::RolesCommand),
    /// Make and remove clusters, and the tokens of their agents
    #[command(subcommand)]
    Clusters(clusters::AdminClustersCommand),
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: AdminCommand) -> anyhow::Result<Exit> {
    match command {
        AdminCommand::Users(command) => users::run(session, command).await,
        AdminCommand::Roles(command) => roles::run(session, command).await,
        AdminCommand::Clusters(command) => clusters::run(session, command).await,
    }
}
