//! Whether a command may be started: what is refused before anything goes to a cluster, and what the audit log says of it.

use crate::access::{Authorized, certain_refusal};
use crate::kubernetes::kubectl::CommandLine;
use crate::model::audit::AuditRecord;
use crate::model::{ClusterId, ErrorCode, Failure};

/// A command that does not run.
pub struct Refused {
    /// What its caller is told.
    pub failure: Failure,
    /// The reason without any argument, which may be a secret.
    pub logged: String,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { logged: failure.detail.clone(), failure }
    }
}

impl Refused {
    /// A refusal of something that is wrong with the command itself.
    pub fn invalid(detail: impl ToString, logged: &str) -> Self {
        Self { failure: Failure::new(ErrorCode::InvalidRequest, detail.to_string()), logged: logged.into() }
    }
}

/// Reads a command line, and refuses one that runs nowhere. The record learns what it is.
pub fn read(command: &[String], record: &mut AuditRecord) -> Result<CommandLine, Refused> {
    // Of what cannot be read nobody knows where its secrets stand. What begins with a dash is no verb.
    let verb = command.first().filter(|word| !word.starts_with('-'));
    record.verb = verb.map(|word| word.chars().take(32).collect());
    let command = CommandLine::parse(command)
        .map_err(|refusal| Refused::invalid(refusal, "not a command line that runs remotely"))?;
    record.command = Some(command.redacted());
    Ok(command)
}

/// Refuses a command that cannot succeed with the rights of the caller.
pub fn permit(command: &CommandLine, cluster: &Authorized<ClusterId>, namespace: Option<&str>) -> Result<(), Refused> {
    match certain_refusal(cluster.rights(), namespace, |namespace| command.needs(namespace)) {
        None => Ok(()),
        Some(why) => Err(Failure::new(ErrorCode::Forbidden, why).into()),
    }
}
