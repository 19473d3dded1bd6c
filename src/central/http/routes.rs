//! The one table of routes: method, path, the right that it needs, what it takes and gives, and the handler.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use axum::{Json, Router};
use http::{StatusCode, header};
use tower::{Service as _, service_fn};

use super::caller::{Gate, Right, check};
use super::openapi::Operation;
use super::{
    admin_clusters, audit, auth, can_i, clusters, console, error, exec, exec_websocket, gateway, guard, health,
    openapi, operations, roles, sessions, tokens, tunnel, users,
};
use crate::central::agents::Agents;
use crate::central::client_certificate::ClientCertificate;
use crate::central::state::Central;
use crate::model::ErrorCode::{Conflict, Forbidden, NotFound, Timeout, TooManyRequests, Unauthenticated, Unavailable};
use crate::model::audit::{AuditFilter, AuditPage, WriterList};
use crate::model::role::RoleList;
use crate::model::session::{Login, Me, PasswordChange, Refresh, SessionList, Tokens};
use crate::model::token::{
    AdminCluster, AdminClusterList, AgentTokenList, ApiTokenList, ClusterChange, CreatedAgentToken, CreatedApiToken,
    NewAgentToken, NewApiToken, NewCluster,
};
use crate::model::user::{CreatedUser, NewUser, UserChange, UserList, UserRoles};
use crate::model::{self, CanI, Cluster, ClusterList, ExecRequest, OperationRequest, Role, RoleSpec, User, Verdict};
use crate::tunnel::TUNNEL_PATH;
use crate::tunnel::control::{SERVICE_PATH, control_service};

/// The path of the API's description.
const OPENAPI_PATH: &str = "/openapi.json";

/// The operations of the HTTP API, each with its handler.
type Table = Vec<(Operation, MethodRouter<Arc<Central>>)>;

fn table() -> Table {
    use Right::{Admin, Caller, Public, Session};
    let get_ = |path, right, summary| Operation::new("get", path, right, summary);
    let post_ = |path, right, summary| Operation::new("post", path, right, summary);
    let delete_ = |path, right, summary| Operation::new("delete", path, right, summary);
    vec![
        (
            get_("/health", Public, "Whether central serves, and which build it is").gives::<health::Health>(200),
            get(health::show),
        ),
        (
            get_("/ready", Public, "Whether central can serve: the database answers, and it is not stopping")
                .gives::<health::Ready>(200)
                .fails(&[Unavailable]),
            get(health::ready),
        ),
        (
            get_("/.well-known/jwks.json", Public, "The public keys of access tokens (RFC 7517)").gives_json(200),
            get(auth::jwks),
        ),
        (
            post_("/auth/login", Public, "Begin a session")
                .takes::<Login>()
                .gives::<Tokens>(200)
                .fails(&[Unauthenticated, TooManyRequests]),
            post(auth::login),
        ),
        (
            post_("/auth/refresh", Public, "The next tokens of a session")
                .takes::<Refresh>()
                .gives::<Tokens>(200)
                .fails(&[Unauthenticated]),
            post(auth::refresh),
        ),
        (post_("/auth/logout", Session, "End one's session").gives_nothing(204), post(auth::logout)),
        (
            post_("/auth/password", Session, "Change one's password")
                .takes::<PasswordChange>()
                .gives_nothing(204)
                .fails(&[TooManyRequests]),
            post(auth::password),
        ),
        (get_("/auth/me", Caller, "Who is asking").gives::<Me>(200), get(auth::me)),
        (
            get_("/auth/roles", Caller, "One's roles, with what they permit and deny").gives::<RoleList>(200),
            get(roles::mine),
        ),
        (get_("/auth/sessions", Session, "One's sessions").gives::<SessionList>(200), get(sessions::list)),
        (
            delete_("/auth/sessions/{id}", Session, "End one of one's sessions").gives_nothing(204).fails(&[NotFound]),
            delete(sessions::revoke),
        ),
        (get_("/tokens", Session, "One's API tokens").gives::<ApiTokenList>(200), get(tokens::list)),
        (
            post_("/tokens", Session, "Make an API token")
                .takes::<NewApiToken>()
                .gives::<CreatedApiToken>(201)
                .fails(&[Conflict]),
            post(tokens::create),
        ),
        (
            delete_("/tokens/{id}", Session, "Revoke an API token").gives_nothing(204).fails(&[NotFound]),
            delete(tokens::revoke),
        ),
        (get_("/clusters", Caller, "The clusters that one may use").gives::<ClusterList>(200), get(clusters::list)),
        (get_("/clusters/{name}", Caller, "One cluster").gives::<Cluster>(200).fails(&[NotFound]), get(clusters::show)),
        (
            post_("/clusters/{name}/exec", Caller, "Run kubectl on a cluster")
                .takes::<ExecRequest>()
                .streams(200)
                .fails(&[Forbidden, NotFound, Timeout]),
            post(exec::run),
        ),
        (
            get_("/clusters/{name}/exec", Caller, "Run kubectl on a cluster, over a WebSocket")
                .gives_nothing(101)
                .fails(&[Forbidden, NotFound]),
            get(exec_websocket::run),
        ),
        (
            post_("/operations", Caller, "Check a command for many clusters at once, before it is run in each")
                .takes::<OperationRequest>()
                .gives::<model::Operation>(200)
                .fails(&[Forbidden, NotFound]),
            post(operations::begin),
        ),
        (
            post_("/clusters/{name}/can-i", Caller, "Whether one may do a thing; admins may ask about any user")
                .takes::<CanI>()
                .gives::<Verdict>(200)
                .fails(&[NotFound]),
            post(can_i::ask),
        ),
        (get_("/admin/users", Admin, "All users").gives::<UserList>(200), get(users::list)),
        (
            post_("/admin/users", Admin, "Make a user")
                .takes::<NewUser>()
                .gives::<CreatedUser>(201)
                .fails(&[Conflict, TooManyRequests]),
            post(users::create),
        ),
        (
            get_("/admin/users/{id}", Admin, "One user, by id or email address").gives::<User>(200).fails(&[NotFound]),
            get(users::show),
        ),
        (
            Operation::new("patch", "/admin/users/{id}", Admin, "Disable or enable a user, or give another password")
                .takes::<UserChange>()
                .gives::<User>(200)
                .fails(&[NotFound, Conflict, TooManyRequests]),
            patch(users::change),
        ),
        (
            delete_("/admin/users/{id}", Admin, "Remove a user").gives_nothing(204).fails(&[NotFound, Conflict]),
            delete(users::delete),
        ),
        (
            Operation::new("put", "/admin/users/{id}/roles", Admin, "Give a user these roles and no others")
                .takes::<UserRoles>()
                .gives::<User>(200)
                .fails(&[NotFound, Conflict]),
            put(users::set_roles),
        ),
        (
            get_("/admin/users/{id}/tokens", Admin, "The API tokens of a user")
                .gives::<ApiTokenList>(200)
                .fails(&[NotFound]),
            get(users::tokens),
        ),
        (
            delete_("/admin/users/{id}/tokens/{token}", Admin, "Revoke an API token of a user")
                .gives_nothing(204)
                .fails(&[NotFound]),
            delete(users::revoke_token),
        ),
        (
            get_("/admin/users/{id}/sessions", Admin, "The sessions of a user")
                .gives::<SessionList>(200)
                .fails(&[NotFound]),
            get(users::sessions),
        ),
        (
            delete_("/admin/users/{id}/sessions/{session}", Admin, "End a session of a user")
                .gives_nothing(204)
                .fails(&[NotFound]),
            delete(users::revoke_session),
        ),
        (get_("/admin/roles", Admin, "All roles").gives::<RoleList>(200), get(roles::list)),
        (
            post_("/admin/roles", Admin, "Make a role").takes::<RoleSpec>().gives::<Role>(201).fails(&[Conflict]),
            post(roles::create),
        ),
        (get_("/admin/roles/{name}", Admin, "One role").gives::<Role>(200).fails(&[NotFound]), get(roles::show)),
        (
            Operation::new("put", "/admin/roles/{name}", Admin, "Give a role another content, or make it")
                .takes::<RoleSpec>()
                .gives::<Role>(200)
                .fails(&[NotFound]),
            put(roles::put),
        ),
        (
            delete_("/admin/roles/{name}", Admin, "Remove a role that nobody has")
                .gives_nothing(204)
                .fails(&[NotFound, Conflict]),
            delete(roles::delete),
        ),
        (get_("/admin/clusters", Admin, "All clusters").gives::<AdminClusterList>(200), get(admin_clusters::list)),
        (
            post_("/admin/clusters", Admin, "Make a cluster")
                .takes::<NewCluster>()
                .gives::<AdminCluster>(201)
                .fails(&[Conflict]),
            post(admin_clusters::create),
        ),
        (
            get_("/admin/clusters/{name}", Admin, "One cluster").gives::<AdminCluster>(200).fails(&[NotFound]),
            get(admin_clusters::show),
        ),
        (
            Operation::new("patch", "/admin/clusters/{name}", Admin, "Set and remove labels of a cluster")
                .takes::<ClusterChange>()
                .gives::<AdminCluster>(200)
                .fails(&[NotFound]),
            patch(admin_clusters::change),
        ),
        (
            delete_("/admin/clusters/{name}", Admin, "Remove a cluster; all that runs on it ends")
                .gives_nothing(204)
                .fails(&[NotFound]),
            delete(admin_clusters::delete),
        ),
        (
            get_("/admin/clusters/{name}/tokens", Admin, "The tokens of a cluster's agents")
                .gives::<AgentTokenList>(200)
                .fails(&[NotFound]),
            get(admin_clusters::tokens),
        ),
        (
            post_("/admin/clusters/{name}/tokens", Admin, "Make a token for a cluster's agents")
                .takes::<NewAgentToken>()
                .gives::<CreatedAgentToken>(201)
                .fails(&[NotFound, Conflict]),
            post(admin_clusters::create_token),
        ),
        (
            delete_("/admin/clusters/{name}/tokens/{id}", Admin, "Revoke a token; its tunnels end")
                .gives_nothing(204)
                .fails(&[NotFound]),
            delete(admin_clusters::revoke_token),
        ),
        (
            get_("/admin/audit", Admin, "The audit log: a page of it, or all as JSON lines")
                .asks(&AuditFilter::PARAMETERS)
                .gives::<AuditPage>(200),
            get(audit::list),
        ),
        (
            get_("/admin/audit/writers", Admin, "The runs of central that have written the audit log")
                .gives::<WriterList>(200),
            get(audit::writers),
        ),
        (
            get_("/admin/audit/writers/{id}/rows", Admin, "The rows of one of them, as they were written")
                .streams(200)
                .fails(&[NotFound]),
            get(audit::rows),
        ),
    ]
}

/// What is not in the table: the API servers of clusters, whose paths are not central's to read, and nothing else.
async fn elsewhere(central: State<Arc<Central>>, request: Request) -> Response {
    match gateway::split(request.uri()) {
        Some(_) => gateway::serve(central, request).await,
        // An agent at the wrong door would take a document for a message.
        None if is_grpc(&request) => StatusCode::NOT_FOUND.into_response(),
        None => error::no_such_path(request.into_body()).await.into_response(),
    }
}

fn is_grpc(request: &Request) -> bool {
    request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Whose requests a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All.
    Everyone,
    /// Those of users.
    Users,
    /// Those of agents.
    Agents,
}

/// All that a listener for this audience serves.
pub fn routes(central: Arc<Central>, audience: Audience) -> Router {
    let own = [OPENAPI_PATH, gateway::PATH, TUNNEL_PATH, SERVICE_PATH].into_iter().chain(console::PATHS);
    central.metrics.http.know(own.chain(table().into_iter().map(|(operation, _)| operation.path)));
    let router = match audience {
        Audience::Everyone => for_agents(for_users(&central), &central),
        Audience::Users => for_users(&central),
        Audience::Agents => for_agents(Router::new().fallback(error::no_such_path), &central),
    };
    router
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn_with_state(central.clone(), guard::check))
        .layer(from_fn_with_state(central.clone(), error::identify))
        .with_state(central)
}

fn for_users(central: &Arc<Central>) -> Router<Arc<Central>> {
    let mut router = if central.console { console::add_to(Router::new()) } else { Router::new() };
    let mut operations = vec![
        Operation::new("get", OPENAPI_PATH, Right::Public, "This description").gives_json(200),
        Operation::new(
            "get",
            gateway::PATH,
            gateway::RIGHT,
            "The Kubernetes API of a cluster, with all of its methods",
        )
        .kubernetes(),
    ];
    for (operation, handler) in table() {
        let right = operation.right;
        let gate = from_fn_with_state(Gate { central: central.clone(), right }, check);
        let handler = if right == Right::Public { handler } else { handler.route_layer(gate) };
        router = router.route(operation.path, handler);
        operations.push(operation);
    }
    let description = Arc::new(openapi::describe(&operations));
    router.route(OPENAPI_PATH, get(move || async move { Json(description.as_ref().clone()) })).fallback(elsewhere)
}

fn for_agents(router: Router<Arc<Central>>, central: &Arc<Central>) -> Router<Arc<Central>> {
    let central = central.clone();
    let control = service_fn(move |request: Request| {
        let certificate = request.extensions().get::<ClientCertificate>().cloned().unwrap_or_default();
        control_service(Agents { central: central.clone(), certificate }).call(request)
    });
    router.route(TUNNEL_PATH, get(tunnel::open)).route_service(SERVICE_PATH, control)
}
