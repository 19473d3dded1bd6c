//! `/admin/audit`: what was asked for, page by page or as a stream, and the rows as they were written.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::try_unfold;
use http::{HeaderMap, header};
use http_body::Frame;
use http_body_util::StreamBody;
use serde::Serialize;

use crate::central::state::Central;
use crate::model::audit::{AuditFilter, AuditPage, WriterList};
use crate::model::{ErrorCode, Failure};
use crate::store::audit;

/// How many records are read at once for a stream.
const STEP: u16 = AuditFilter::MAX_LIMIT;

/// The form of a stream.
const LINES: &str = "application/x-ndjson";

/// The latest records that a filter wants: a page, or with `Accept: application/x-ndjson` all of them, one a line.
pub async fn list(
    State(central): State<Arc<Central>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let filter = filter(uri.query().unwrap_or_default())?;
    if headers.get(header::ACCEPT).is_none_or(|accept| accept != LINES) {
        return Ok(Json(page(&central, filter).await?).into_response());
    }
    let first = page(&central, AuditFilter { limit: Some(STEP), ..filter.clone() }).await?;
    Ok(lines(try_unfold(Some(first), move |page| {
        let (central, filter) = (central.clone(), filter.clone());
        async move {
            let Some(AuditPage { records, next }) = page else { return Ok(None) };
            let text = text(&records)?;
            let next = match next {
                None => None,
                before => {
                    let filter = AuditFilter { before, limit: Some(STEP), ..filter };
                    Some(self::page(&central, filter).await.map_err(io::Error::other)?)
                }
            };
            Ok(Some((Frame::data(text), next)))
        }
    })))
}

/// The runs of central that have written, with how far their rows go.
pub async fn writers(State(central): State<Arc<Central>>) -> Result<Json<WriterList>, Failure> {
    Ok(Json(WriterList { writers: central.store.read(audit::writers).await? }))
}

/// All rows of one of them, in their order, as they were written: one a line.
pub async fn rows(
    State(central): State<Arc<Central>>,
    writer: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let writer = writer.map(|Path(writer)| writer).unwrap_or_default();
    let id = writer.clone();
    let state = central.store.read(move |c| audit::writer(c, &id)).await?;
    Ok(lines(try_unfold(state.pruned_seq, move |after| {
        let (central, writer) = (central.clone(), writer.clone());
        async move {
            let read = central.store.read(move |c| audit::links(c, &writer, after, STEP.into()));
            let links = read.await.map_err(io::Error::other)?;
            let Some(last) = links.last() else { return Ok(None) };
            Ok::<_, io::Error>(Some((Frame::data(text(&links)?), last.seq)))
        }
    })))
}

async fn page(central: &Central, filter: AuditFilter) -> Result<AuditPage, Failure> {
    Ok(central.store.read(move |c| audit::page(c, &filter)).await?)
}

/// The filter of a query, read strictly.
fn filter(query: &str) -> Result<AuditFilter, Failure> {
    let invalid = |why: String| Failure::new(ErrorCode::InvalidRequest, format!("the query is not valid: {why}"));
    let filter: AuditFilter = serde_urlencoded::from_str(query).map_err(|error| invalid(error.to_string()))?;
    match filter.limit {
        Some(limit) if !(1..=AuditFilter::MAX_LIMIT).contains(&limit) => {
            Err(invalid(format!("limit must be from 1 to {}", AuditFilter::MAX_LIMIT)))
        }
        _ => Ok(filter),
    }
}

/// One value a line.
fn text(values: &[impl Serialize]) -> io::Result<Bytes> {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, value)?;
        text.push(b'\n');
    }
    Ok(text.into())
}

fn lines(pages: impl futures_util::Stream<Item = io::Result<Frame<Bytes>>> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, LINES)], Body::new(StreamBody::new(pages))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audit::AuditKind;

    #[test]
    fn a_query_is_read_strictly() {
        assert_eq!(filter(""), Ok(AuditFilter::default()));
        let found = filter("user=ann%40example.com&kind=exec&since=2026-11-28T00:00:00Z&limit=7").unwrap();
        assert_eq!((found.user.as_deref(), found.kind), (Some("ann@example.com"), Some(AuditKind::Exec)));
        assert_eq!((found.page_length(), found.since.is_some()), (7, true));
        for wrong in ["users=x", "kind=x", "since=yesterday", "limit=0", "limit=1001", "limit=x", "user=a&user=b"] {
            let failure = filter(wrong).expect_err(wrong);
            assert!(failure.detail.starts_with("the query is not valid: "), "{}", failure.detail);
        }
    }

    #[test]
    fn the_parameters_are_the_fields() {
        let all = serde_json::to_value(AuditFilter::default()).unwrap();
        let mut fields: Vec<&String> = all.as_object().unwrap().keys().collect();
        let mut parameters = AuditFilter::PARAMETERS;
        fields.sort();
        parameters.sort_unstable();
        assert_eq!(fields, parameters);
    }
}
