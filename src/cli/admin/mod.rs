//! `mk8s admin`: users, roles and clusters, for those who have the role `admin`.

mod apply;
mod clusters;
mod install;
mod labels;
mod roles;
mod tokens;
mod users;

use clap::Subcommand;

pub use roles::list as list_roles;

use super::exit::Exit;
use super::session::SessionArgs;
#[cfg(target_os = "linux")]
use crate::cli::serve;
#[cfg(target_os = "linux")]
use crate::config::CentralFlags;

/// What to administer.
#[derive(Subcommand)]
pub enum AdminCommand {
    /// Make, change and remove users
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Make, change and remove the roles that users can have
    #[command(subcommand)]
    Roles(roles::RolesCommand),
    /// Make and remove clusters, and the tokens of their agents
    #[command(subcommand)]
    Clusters(clusters::AdminClustersCommand),
    /// On central's own machine: let the first admin in again, with a new password
    ///
    /// Works on the database of the configuration, and needs no login. The user of bootstrap.admin_email gets a new
    /// password, written to initial-admin-password in the data directory, and the role admin; it is made if it is gone.
    #[cfg(target_os = "linux")]
    Recover(CentralFlags),
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: AdminCommand) -> anyhow::Result<Exit> {
    match command {
        AdminCommand::Users(command) => users::run(session, command).await,
        AdminCommand::Roles(command) => roles::run(session, command).await,
        AdminCommand::Clusters(command) => clusters::run(session, command).await,
        #[cfg(target_os = "linux")]
        AdminCommand::Recover(flags) => serve::recover_admin(&flags).await,
    }
}
