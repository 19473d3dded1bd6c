//! What is sent, and what is made of the answers.

use super::*;
use crate::client::fake::{Fake, problem};
use crate::model::session::{Login, Refresh};
use crate::model::token::NewAgentToken;
use crate::model::user::{UserChange, UserRoles};
use crate::model::{ClusterName, ExecRequest, TokenId};
use crate::tls::Trust;

fn client(server: &Fake, credential: Credential) -> Client {
    Client::new(&server.url, &Trust::System).unwrap().with_credential(credential)
}

fn access() -> Credential {
    Credential::AccessToken("ey.s3cret".to_owned().into())
}

#[tokio::test]
async fn every_request_shows_the_credential() {
    let server = Fake::start("204 No Content", "").await;
    client(&server, access()).logout().await.unwrap();
    let request = server.last();
    assert!(request.starts_with("POST /auth/logout HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nauthorization: Bearer ey.s3cret\r\n"), "{request}");
    client(&server, Credential::None).logout().await.unwrap();
    assert!(!server.last().contains("authorization"));
    let command = ExecRequest { command: vec!["version".into()], ..ExecRequest::default() };
    let _ = client(&server, access()).exec(&"dev".parse().unwrap(), &command).await;
    let request = server.last();
    assert!(request.starts_with("GET /clusters/dev/exec HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("\r\nauthorization: bearer ey.s3cret\r\n"), "{request}");
}

#[tokio::test]
async fn a_body_is_json_and_a_path_is_encoded() {
    let server = Fake::start("204 No Content", "").await;
    let central = client(&server, access());
    let change = UserChange { disabled: Some(true), password: None };
    assert!(central.change_user("ann+1@example.com", &change).await.is_err(), "204 is no user");
    let request = server.last();
    assert!(request.starts_with("PATCH /admin/users/ann%2B1%40example.com HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\ncontent-type: application/json\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"disabled\":true}"), "{request}");
    let _ = central.set_roles("../x", &UserRoles { roles: vec!["admin".parse().unwrap()] }).await;
    assert!(server.last().starts_with("PUT /admin/users/..%2Fx/roles HTTP/1.1\r\n"), "{}", server.last());
    assert!(server.last().ends_with("{\"roles\":[\"admin\"]}"));
    let (name, id): (ClusterName, _) = ("dev".parse().unwrap(), TokenId::generate());
    central.revoke_agent_token(&name, id).await.unwrap();
    assert!(server.last().starts_with(&format!("DELETE /admin/clusters/dev/tokens/{id} HTTP/1.1\r\n")));
    let _ = central.create_agent_token(&name, &NewAgentToken::default()).await;
    assert!(server.last().ends_with("\r\n\r\n{}"), "{}", server.last());
}

#[tokio::test]
async fn created_things_are_read() {
    let server = Fake::start(
        "201 Created",
        r#"{"id":"01a210a3-0b0d-7252-9a6e-07461f01c863","name":"dev","bootstrap":false,
            "created_at":"2026-01-02T15:04:05Z","tokens":0}"#,
    )
    .await;
    let new = crate::model::token::NewCluster::named("dev".parse().unwrap());
    assert_eq!(client(&server, access()).create_cluster(&new).await.unwrap().name.as_str(), "dev");
    assert!(server.last().ends_with("{\"name\":\"dev\"}"));
}

#[tokio::test]
async fn a_refused_api_token_is_told_from_a_refused_session() {
    let server = Fake::start("401 Unauthorized", problem!("unauthenticated")).await;
    let error = client(&server, access()).me().await.unwrap_err();
    assert!(matches!(&error, ClientError::Problem(p) if p.request_id == "r-1"), "{error:?}");
    let error = client(&server, Credential::ApiToken("mk8s_pat_x".to_owned().into())).me().await.unwrap_err();
    assert!(matches!(&error, ClientError::ApiToken(_)), "{error:?}");
    assert_eq!(error.to_string(), "the API token (MK8S_TOKEN) was refused: the detail");
    let proxy = Fake::start("401 Unauthorized", "<html>").await;
    assert!(matches!(client(&proxy, access()).me().await, Err(ClientError::Protocol(_))), "not central's refusal");
}

#[tokio::test]
async fn secrets_are_in_no_error() {
    let server = Fake::start("200 OK", r#"{"access_token":"ok","token_type":"Bearer","expires_in":"s3cret"}"#).await;
    let central = client(&server, access());
    let refresh = Refresh { refresh_token: "mk8s_refresh_s3cret".to_owned().into() };
    let error = central.refresh(&refresh).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    assert!(error.to_string().contains("is this the URL of a central?"), "{error}");
}

#[tokio::test]
async fn no_secret_leaves_this_machine_unencrypted() {
    // A name that resolves nowhere: the refusal comes before any connection.
    let client = Client::new("http://mk8s.invalid", &Trust::System).unwrap();
    let login = Login { email: "a@b".into(), password: "s3cret".to_owned().into() };
    assert!(matches!(client.login(&login).await, Err(ClientError::Unencrypted(_))));
    let client = client.with_credential(access());
    assert!(matches!(client.me().await, Err(ClientError::Unencrypted(_))));
    let command = ExecRequest { command: vec!["version".into()], ..ExecRequest::default() };
    let exec = client.exec(&"dev".parse().unwrap(), &command).await;
    assert!(matches!(exec.err(), Some(ClientError::Unencrypted(_))));
}
