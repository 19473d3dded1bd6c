//! `mk8s auth`: one's own roles, and what they allow.

use clap::Subcommand;

use super::admin::list_roles;
use super::exit::{Exit, with_hint};
use super::output::{self, ListArgs};
use super::session::SessionArgs;
use crate::model::{CanI, Email, ErrorCode};

/// The namespace of a question that names none, as kubectl has it.
const DEFAULT_NAMESPACE: &str = "default";

/// What to ask.
#[derive(Subcommand)]
pub enum AuthCommand {
    /// Whether your roles allow something: prints yes or no, and ends with 0 or 1
    ///
    /// Answers for the roles of mk8s alone; the cluster's own RBAC may refuse a request all the same.
    CanI(CanIArgs),
    /// List your roles
    Roles(ListArgs),
}

/// A question.
#[derive(clap::Args)]
pub struct CanIArgs {
    /// A verb of Kubernetes, or logs, exec, attach, port-forward, debug, proxy, token, evict
    verb: String,
    /// Such as pods, deployments.apps, pods/log, or a path such as /metrics
    resource: String,
    /// The name of the object
    name: Option<String>,
    /// The namespace [default: default]
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// In all namespaces at once; also for cluster-scoped resources that are not of Kubernetes itself
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// The subresource
    #[arg(long, value_name = "NAME")]
    subresource: Option<String>,
    /// The email address of another user, for admins
    #[arg(long = "as", value_name = "EMAIL")]
    user: Option<Email>,
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: AuthCommand) -> anyhow::Result<Exit> {
    match command {
        AuthCommand::CanI(args) => can_i(session, args).await,
        AuthCommand::Roles(args) => {
            let roles = session.resolve()?.client().await?.my_roles().await?;
            list_roles(&roles, args)
        }
    }
}

async fn can_i(session: &SessionArgs, args: CanIArgs) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let cluster = session.cluster()?;
    let everywhere = args.all_namespaces || args.resource.starts_with('/');
    let namespace = match args.namespace {
        None if !everywhere => Some(DEFAULT_NAMESPACE.to_owned()),
        given => given,
    };
    let CanIArgs { verb, resource, name, subresource, user, .. } = args;
    let about_another = user.is_some();
    let question = CanI { verb, resource, subresource, namespace, name, user };
    let verdict = session.client().await?.can_i(&cluster, &question).await.map_err(|error| match about_another {
        true => with_hint(error, ErrorCode::NotFound, "mk8s clusters list, mk8s admin users list"),
        false => error.into(),
    })?;
    match verdict.allowed {
        true => output::print("yes\n"),
        false => output::print(&format!("no - {}\n", verdict.reason)).map(|printed| match printed {
            Exit::OK => Exit::FAILURE,
            other => other,
        }),
    }
}
