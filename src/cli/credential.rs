//! `mk8s credential`: the exec credential plugin of kubectl. Silent, and without the network while the token is good.

use std::env;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::exit::{CliError, Exit};
use super::output;
use super::runtime;
use super::session::{Held, SessionArgs};
use crate::client::ClientError;

/// The variable with what kubectl asks for.
const ASKED: &str = "KUBERNETES_EXEC_INFO";

/// The answers that are known, the first of which is the default.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// How long before its end a token is called expired: kubectl does not repeat a request that was answered with 401.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How long a token is used whose end is near and that could not be renewed.
const SHORT: SignedDuration = SignedDuration::from_secs(10);

/// Prints the token.
pub fn run(session: &SessionArgs) -> anyhow::Result<Exit> {
    let version = version(env::var(ASKED).ok().as_deref())?;
    let session = session.resolve()?;
    let held = match session.held()? {
        Some(held) => held,
        // The runtime and the certificates are wanted only here; most calls end sooner without them.
        None => runtime::client(async { session.renewed(&session.anonymous()?).await })?,
    };
    let (token, end) = match &held {
        Held::ApiToken(token) => (token, None),
        Held::Session(session) => (&session.access_token, Some(end(session.access_expires_at, Timestamp::now()))),
    };
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::MalformedToken.into());
    }
    let mut status = json!({ "token": token.expose() });
    if let Some(end) = end {
        status["expirationTimestamp"] = format!("{end:.0}").into();
    }
    let answer = json!({ "apiVersion": version, "kind": "ExecCredential", "status": status });
    output::print(&format!("{answer}\n"))
}

/// When kubectl shall ask again.
fn end(expires_at: Timestamp, now: Timestamp) -> Timestamp {
    let early = expires_at - MARGIN;
    if early > now { early } else { expires_at.min(now + SHORT) }
}

/// The version of the answer that is asked for.
fn version(asked: Option<&str>) -> Result<&'static str, CliError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        api_version: String,
    }
    let Some(asked) = asked.filter(|text| !text.is_empty()) else { return Ok(VERSIONS[0]) };
    let hint = "remove the variable, or write the kubeconfig again: mk8s kubeconfig write";
    let Ok(Asked { api_version }) = serde_json::from_str(asked) else {
        return Err(CliError::usage(format!("{ASKED} is not what kubectl sets"), hint));
    };
    VERSIONS
        .into_iter()
        .find(|version| *version == api_version)
        .ok_or_else(|| CliError::usage(format!("credentials of the version {api_version:?} are not known"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_is_asked_for_is_answered() {
        let asked =
            |version: &str| format!("{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{version}\",\"spec\":{{}}}}");
        assert_eq!(version(None).unwrap(), VERSIONS[0]);
        for known in VERSIONS {
            assert_eq!(version(Some(&asked(known))).unwrap(), known);
        }
        for bad in [asked("client.authentication.k8s.io/v1alpha1").as_str(), "{", "{}"] {
            assert_eq!(version(Some(bad)).unwrap_err().exit, Exit::USAGE, "{bad}");
        }
    }

    #[test]
    fn kubectl_asks_again_before_a_token_ends() {
        let now: Timestamp = "2026-01-02T15:00:00Z".parse().unwrap();
        let after = |seconds| now + SignedDuration::from_secs(seconds);
        for (left, asks) in [(600, 540), (61, 1), (60, 10), (5, 5)] {
            assert_eq!(end(after(left), now), after(asks), "{left}");
        }
    }
}
