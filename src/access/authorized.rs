//! The proof that a caller may use a thing: code that acts takes `Authorized<T>`, and only this room makes one.

use super::Caller;

/// A thing together with the caller who may use it.
#[derive(Clone, Debug)]
pub struct Authorized<T> {
    subject: T,
    caller: Caller,
}

impl<T> Authorized<T> {
    /// What may be used.
    pub fn subject(&self) -> &T {
        &self.subject
    }

    /// By whom.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// Checks that the caller may use the thing.
///
/// The only callers that exist are those of a loopback central, who may use everything.
pub fn authorize<T>(caller: Caller, subject: T) -> Authorized<T> {
    Authorized { subject, caller }
}
