//! One operation of the HTTP API, as its description has it.

use utoipa::openapi::RefOr;
use utoipa::openapi::{Ref, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::central::http::caller::Right;
use crate::model::ErrorCode;

/// The schemas that a description names.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// One operation.
pub struct Operation {
    /// The method, lower case.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// What it asks of its caller.
    pub right: Right,
    /// What it does.
    pub summary: &'static str,
    /// The parameters that its query may have.
    pub query: &'static [&'static str],
    /// The schema of its request.
    pub request: Option<RefOr<Schema>>,
    /// The status of its answer.
    pub status: u16,
    /// What its answer holds.
    pub answer: Answer,
    /// How it fails, besides the ways that all operations share.
    pub failures: Vec<ErrorCode>,
    /// The schemas that it names.
    pub schemas: Schemas,
}

/// What an answer holds.
pub enum Answer {
    /// Nothing.
    Nothing,
    /// JSON with this schema; any without one.
    Json(Option<Box<RefOr<Schema>>>),
    /// JSON lines, or plain text.
    Stream,
    /// What an API server of Kubernetes answers, errors included.
    Kubernetes,
}

impl Operation {
    /// An operation that takes and gives nothing.
    pub fn new(method: &'static str, path: &'static str, right: Right, summary: &'static str) -> Self {
        let (request, answer, failures, schemas) = (None, Answer::Nothing, Vec::new(), Vec::new());
        Self { method, path, right, summary, query: &[], request, status: 204, answer, failures, schemas }
    }

    /// Its query may have these parameters.
    pub fn asks(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// It takes this as JSON.
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(self.name::<T>());
        self
    }

    /// It gives this as JSON.
    pub fn gives<T: ToSchema>(mut self, status: u16) -> Self {
        let schema = self.name::<T>();
        self.answer = Answer::Json(Some(Box::new(schema)));
        Self { status, ..self }
    }

    /// It gives some JSON.
    pub fn gives_json(self, status: u16) -> Self {
        Self { status, answer: Answer::Json(None), ..self }
    }

    /// It gives no body.
    pub fn gives_nothing(self, status: u16) -> Self {
        Self { status, answer: Answer::Nothing, ..self }
    }

    /// It streams.
    pub fn streams(self, status: u16) -> Self {
        Self { status, answer: Answer::Stream, ..self }
    }

    /// It is the Kubernetes API.
    pub fn kubernetes(self) -> Self {
        Self { status: 200, answer: Answer::Kubernetes, ..self }
    }

    /// It fails in these ways too.
    pub fn fails(mut self, failures: &[ErrorCode]) -> Self {
        self.failures.extend_from_slice(failures);
        self
    }

    fn name<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(&mut self.schemas);
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }
}
