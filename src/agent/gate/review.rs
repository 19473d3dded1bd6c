//! Questions about the caller's own rights: the answer is that of the policy and the cluster together.

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};

use super::Inner;
use super::answer::{Allowed, Answer, refusal};
use crate::agent::body::Filtered;
use crate::agent::relay::{Outgoing, RelayError};
use crate::kubernetes::reviews::{self, InvalidAnswer, MAX_ANSWER, MAX_QUESTION, Review};
use crate::kubernetes::status::Status;

impl Inner {
    /// Asks the API server, and puts into its answer what the policy says.
    pub(super) async fn review(
        &self,
        review: Review,
        mut outgoing: Outgoing,
        body: Filtered,
        allowed: Allowed,
    ) -> Result<Answer, RelayError> {
        let question = match whole(body).await {
            Ok(question) => question,
            Err(status) => return Ok(refusal(&status)),
        };
        let asked = match review.read(&outgoing.headers, &question) {
            Ok(asked) => asked,
            Err(status) => return Ok(refusal(&status)),
        };
        let (session, cut) = (&allowed.session, allowed.session.ended.clone());
        let finding = session.review(&asked);
        reviews::prepare(&mut outgoing.headers);
        let answer = self.options.upstream.send(outgoing, Filtered::whole(question, cut.clone())).await?;
        if finding.leaves(answer.status()) {
            return Ok(answer.map(|body| Either::Right(Filtered::answer(body, cut).holding(allowed))));
        }
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| InvalidAnswer)?.to_bytes();
        let answer = finding.apply(Response::from_parts(head, body))?;
        Ok(answer.map(|body| Either::Left(Full::new(body))))
    }
}

/// The body of a review, which is small.
async fn whole(body: Filtered) -> Result<Bytes, Status> {
    match Limited::new(body, MAX_QUESTION).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Status::too_large(format!("mk8s: a review may have at most {MAX_QUESTION} bytes")))
        }
        Err(error) => {
            Err(Status::bad_request(format!("mk8s: the body of the request did not come to its end: {error}")))
        }
    }
}
