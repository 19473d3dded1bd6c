//! Harmless requests that take the whole way: through central, the tunnel and the agent to the API server.

use tokio::time::Instant;

use super::cluster::GROUP;
use super::report::{Finding, Report, timed};
use crate::client::{Client, ClientError, ExecReader, Gateway, Passage};
use crate::kubernetes::headers::Upgrade;
use crate::model::{ClusterName, ErrorCode, ExecEnd, ExecOutput, ExecRequest};

/// What to do about an upgrade that does not come through.
const LET_PASS: &str = "let what stands before central pass on Upgrade and Connection, for websocket and SPDY/3.1: \
                        docs/gateway.md, \"What stands before central\"";

/// Sends all of them at once.
pub async fn check(report: &mut Report, caller: &Client, cluster: &ClusterName, namespace: &str) {
    let gateway = Gateway::of(caller, cluster);
    // Nobody has a pod of this name, or if so it is not asked for twice.
    let nobody = format!("mk8s-doctor-{}", uuid::Uuid::now_v7().simple());
    let (version, exec, websocket, spdy) = tokio::join!(
        timed("gateway", version(&gateway)),
        timed("exec", exec(caller, cluster)),
        timed("websocket", web_socket(&gateway, namespace, &nobody)),
        timed("spdy", spdy(&gateway, namespace, &nobody)),
    );
    for (done, ()) in [version, exec, websocket, spdy] {
        report.add(GROUP, done);
    }
}

async fn version(gateway: &Gateway) -> (Finding, ()) {
    let finding = match gateway.version().await {
        Ok((version, took)) => {
            Finding::ok(format!("the API server answers GET /version ({version}), {} ms", took.as_millis()))
        }
        Err(error) => refused(error, "to ask for the version", "look at the log of the agent in that cluster"),
    };
    (finding, ())
}

/// A command that asks the API server for nothing.
async fn exec(caller: &Client, cluster: &ClusterName) -> (Finding, ()) {
    let since = Instant::now();
    let command = ["version", "--client"].map(str::to_owned).to_vec();
    let request = ExecRequest { command, ..ExecRequest::default() };
    let ran = async {
        let (_writer, reader) = caller.exec(cluster, &request).await?;
        end(reader).await
    };
    let finding = match ran.await {
        Ok(Ok(())) => Finding::ok(format!("kubectl version --client ran, {} ms", since.elapsed().as_millis())),
        Ok(Err(why)) => Finding::failed(
            format!("kubectl version --client failed: {why}"),
            "look at the log of the agent in that cluster",
        ),
        // So answers central, or a proxy, when what arrives is no request for a WebSocket any more.
        Err(error @ ClientError::Protocol(_)) => not_through(&error),
        Err(error) if error.problem().is_some_and(|problem| problem.code == ErrorCode::InvalidRequest) => {
            not_through(&error)
        }
        Err(error) => refused(error, "to run kubectl", "look at the log of the agent in that cluster"),
    };
    (finding, ())
}

fn not_through(error: &ClientError) -> Finding {
    Finding::failed(format!("the WebSocket for the command did not come through: {error}"), LET_PASS)
}

/// Waits for the end of a command; an error says how it failed.
async fn end(mut reader: ExecReader) -> Result<Result<(), String>, ClientError> {
    let mut said = String::new();
    loop {
        match reader.next().await? {
            ExecOutput::Stdout(_) => {}
            // The first lines are enough.
            ExecOutput::Stderr(text) if said.len() < 500 => said += &String::from_utf8_lossy(&text),
            ExecOutput::Stderr(_) => {}
            ExecOutput::End(ExecEnd::Error(why)) => return Ok(Err(why)),
            ExecOutput::End(end) => {
                return Ok(match end.exit_code() {
                    Some(0) => Ok(()),
                    code => Err(format!("exit code {}: {}", code.unwrap_or_default(), said.trim())),
                });
            }
        }
    }
}

/// A WebSocket to which the API server agrees; where the caller may not have that, one that it refuses.
async fn web_socket(gateway: &Gateway, namespace: &str, nobody: &str) -> (Finding, ()) {
    let since = Instant::now();
    let passage = match gateway.web_socket_to_api_server(namespace, nobody).await {
        Err(error) if is_forbidden(&error) => gateway.exec_in_nobody(Upgrade::WebSocket, namespace, nobody).await,
        passage => passage,
    };
    let missing = format!("to watch pods or to exec in the namespace {namespace}, see --namespace");
    (passed(passage, "a WebSocket", &missing, since), ())
}

/// SPDY, which has only such uses as run something, and so is asked for where nothing can run.
async fn spdy(gateway: &Gateway, namespace: &str, nobody: &str) -> (Finding, ()) {
    let since = Instant::now();
    let passage = gateway.exec_in_nobody(Upgrade::Spdy, namespace, nobody).await;
    let missing = format!("to exec in the namespace {namespace}, see --namespace");
    (passed(passage, "SPDY/3.1", &missing, since), ())
}

fn passed(passage: Result<Passage, ClientError>, what: &str, missing: &str, since: Instant) -> Finding {
    let took = since.elapsed().as_millis();
    match passage {
        Ok(Passage::Agreed) => Finding::ok(format!("the API server agrees to {what}, {took} ms")),
        Ok(Passage::Answered) => Finding::ok(format!("{what} is asked of the API server, {took} ms")),
        Ok(Passage::Stripped) => Finding::failed(
            format!("the question for {what} did not reach central: something on the way took it out"),
            LET_PASS,
        ),
        Err(error) => refused(error, missing, LET_PASS),
    }
}

/// A failure, unless it is that the caller has no right.
fn refused(error: ClientError, missing: &str, hint: &str) -> Finding {
    if is_forbidden(&error) {
        return Finding::skipped(format!("not checked: no right {missing}"), None);
    }
    Finding::error(&error.into(), hint)
}

fn is_forbidden(error: &ClientError) -> bool {
    error.problem().is_some_and(|problem| problem.code == ErrorCode::Forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, Problem};

    #[test]
    fn a_missing_right_is_no_failure() {
        let refusal = |code| ClientError::Problem(Box::new(Problem::new(&Failure::new(code, "the detail"), "r-1")));
        let said = |passage| format!("{:?}", passed(passage, "SPDY/3.1", "to exec in a", Instant::now()));
        assert!(said(Err(refusal(ErrorCode::Forbidden))).contains("not checked: no right to exec in a"));
        assert!(said(Err(refusal(ErrorCode::Internal))).contains("Failed"));
        assert!(said(Ok(Passage::Stripped)).contains("What stands before central"));
        assert!(said(Ok(Passage::Agreed)).contains("Ok") && said(Ok(Passage::Answered)).contains("Ok"));
    }
}
