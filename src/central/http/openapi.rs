//! The description of the HTTP API (OpenAPI 3.1), made from the table of routes.

mod operation;

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::caller::Right;
use crate::model::version::VERSION;
use crate::model::{ErrorCode, Problem};
pub use operation::Operation;
use operation::{Answer, Schemas};

/// The name of the way in which callers show who they are.
const BEARER: &str = "bearer";

/// Describes the operations.
pub fn describe(operations: &[Operation]) -> Value {
    let mut paths = Map::new();
    let mut schemas: Map<String, Value> = Map::new();
    let mut problem: Schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut problem);
    for (name, schema) in operations.iter().flat_map(|operation| &operation.schemas).chain(&problem) {
        schemas.insert(name.clone(), json!(schema));
    }
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe_one(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "mk8s central",
            "version": VERSION,
            "description": "kubectl to every cluster through one hub. Errors are problem documents (RFC 9457).",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "the access token of a session, or an API token",
                },
            },
        },
    })
}

fn describe_one(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "x-right": right(operation.right),
        "security": if operation.right == Right::Public { json!([]) } else { json!([{ BEARER: [] }]) },
        "responses": responses(operation),
    });
    let in_path = parameters(operation.path).map(
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }),
    );
    let in_query =
        operation.query.iter().map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } }));
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    if !parameters.is_empty() {
        described["parameters"] = json!(parameters);
    }
    if let Some(schema) = &operation.request {
        described["requestBody"] = json!({ "required": true, "content": content(schema) });
    }
    described
}

/// How the right of an operation is written in the description.
fn right(right: Right) -> &'static str {
    match right {
        Right::Public => "public",
        Right::Caller => "caller",
        Right::Session => "session",
        Right::Admin => "admin",
    }
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let mut answer = json!({ "description": "done" });
    match &operation.answer {
        Answer::Nothing | Answer::Kubernetes => {}
        Answer::Json(Some(schema)) => answer["content"] = content(schema),
        Answer::Json(None) => answer["content"] = json!({ "application/json": { "schema": { "type": "object" } } }),
        Answer::Stream => {
            answer["content"] = json!({
                "application/x-ndjson": { "schema": { "type": "string" } },
                "text/plain": { "schema": { "type": "string" } },
            });
        }
    }
    if matches!(operation.answer, Answer::Kubernetes) {
        let description = "as the API server of the cluster answers; errors, also those of mk8s, are `Status` objects";
        responses.insert("default".into(), json!({ "description": description }));
        return Value::Object(responses);
    }
    responses.insert(operation.status.to_string(), answer);
    for code in failures(operation) {
        let described = json!({
            "description": code.title(),
            "content": {
                "application/problem+json": { "schema": { "$ref": format!("#/components/schemas/{}", Problem::name()) } },
            },
        });
        responses.insert(code.http_status().to_string(), described);
    }
    Value::Object(responses)
}

/// How an operation can fail: in its own ways, and in those that follow from its right and its request.
fn failures(operation: &Operation) -> Vec<ErrorCode> {
    let mut failures = operation.failures.clone();
    // Another method at the path, a page of another origin.
    failures.extend([ErrorCode::InvalidRequest, ErrorCode::Forbidden]);
    if operation.right != Right::Public {
        failures.push(ErrorCode::Unauthenticated);
    }
    if operation.request.is_some() {
        failures.extend([ErrorCode::TooLarge, ErrorCode::Timeout]);
    }
    if operation.right != Right::Public || operation.request.is_some() {
        failures.extend([ErrorCode::Unavailable, ErrorCode::TooManyRequests]);
    }
    failures
}

fn content(schema: &RefOr<Schema>) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Such as `get_admin_users_id`.
fn operation_id(operation: &Operation) -> String {
    let words = operation.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(operation.method).chain(words).collect::<Vec<_>>().join("_")
}
