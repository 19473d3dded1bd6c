//! The way to a cluster for commands that last: what they show is renewed for as long as they run.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::exit::with_hint;
use super::session::{Held, Session};
use crate::client::{Client, ClientError, Credential, Gateway};
use crate::model::{ClusterName, ErrorCode};

/// A session, and what of it is shown just now.
pub struct Kept {
    session: Session,
    anonymous: Client,
    held: Mutex<Held>,
}

/// The way to the chosen cluster.
///
/// # Errors
/// Nobody is logged in, or no cluster is chosen.
pub async fn gateway(session: Session) -> anyhow::Result<Gateway> {
    let cluster: ClusterName = session.cluster()?;
    let kept = Arc::new(Kept::of(session).await?);
    let anonymous = kept.anonymous.clone();
    let credentials = Arc::new(move || {
        let kept = kept.clone();
        Box::pin(async move { kept.credential().await }) as futures_util::future::BoxFuture<'static, _>
    });
    Ok(Gateway::new(anonymous, &cluster, credentials))
}

/// A failure at the way to something in a namespace, with where to look for what there is.
pub fn explain(error: ClientError, namespace: &str) -> anyhow::Error {
    let hint = format!("mk8s clusters list, and mk8s kubectl get pods -n {namespace}");
    with_hint(error, ErrorCode::NotFound, &hint)
}

impl Kept {
    /// What is shown for a session from now on.
    ///
    /// # Errors
    /// Nobody is logged in.
    pub async fn of(session: Session) -> anyhow::Result<Self> {
        let anonymous = session.anonymous()?;
        let held = match session.held()? {
            Some(held) => held,
            None => session.renewed(&anonymous).await?,
        };
        Ok(Self { session, anonymous, held: Mutex::new(held) })
    }

    /// A client that shows what is good now. All of them share what they know of TLS.
    ///
    /// # Errors
    /// The session cannot be renewed.
    pub async fn client(&self) -> Result<Client, ClientError> {
        Ok(self.anonymous.clone().with_credential(self.credential().await?))
    }

    async fn credential(&self) -> Result<Credential, ClientError> {
        let mut held = self.held.lock().await;
        if let Held::Session(session) = &*held
            && !session.is_fresh(Timestamp::now())
        {
            *held = self.session.renewed(&self.anonymous).await.map_err(told)?;
        }
        Ok(held.clone().into())
    }
}

/// What central said, or else the failure in words.
fn told(error: anyhow::Error) -> ClientError {
    error.downcast().unwrap_or_else(|error| ClientError::Session(format!("{error:#}")))
}
