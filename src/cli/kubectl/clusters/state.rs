//! What has become of a command in each of its clusters.

use crate::cli::exit::{self, Exit};
use crate::client::ClientError;
use crate::model::ErrorCode;
use crate::tls::ConnectError;

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started.
    Waiting,
    /// Not ended.
    Running,
    /// kubectl has ended, with this exit code.
    Exited(u8),
    /// kubectl did not run, or its end is not known.
    Failed(Failure),
}

/// Why there is no exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A sentence for the user.
    pub what: String,
    /// The kind, for programs.
    pub code: &'static str,
    /// How the program ends because of it.
    pub exit: Exit,
}

impl State {
    /// Because of an error.
    pub fn of(error: &anyhow::Error) -> Self {
        let code = match error.downcast_ref::<ClientError>() {
            Some(ClientError::Lost) => "lost",
            Some(ClientError::Timeout(_) | ClientError::Connect(ConnectError::Timeout { .. })) => {
                ErrorCode::Timeout.as_str()
            }
            Some(error) => error.problem().map_or("failed", |problem| problem.code.as_str()),
            None => "failed",
        };
        Self::failed(error.to_string(), code, exit::of(error))
    }

    /// A failure with this exit code, unless scripts would take that for an answer.
    pub fn failed(what: String, code: &'static str, exit: Exit) -> Self {
        Self::Failed(Failure { what, code, exit: exit.instead_of_an_answer() })
    }

    /// Whether kubectl ended with 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Exited(0)
    }

    /// Whether it ended otherwise, or did not begin though it should have.
    pub fn is_failure(&self) -> bool {
        self.exit().is_some_and(|exit| exit != Exit::OK)
    }

    /// How it ended, if it did.
    fn exit(&self) -> Option<Exit> {
        match self {
            Self::Waiting | Self::Running => None,
            Self::Exited(code) => Some(Exit(*code)),
            Self::Failed(failure) => Some(failure.exit),
        }
    }
}

/// The exit code for all clusters: the highest of them.
pub fn worst(states: &[State]) -> Exit {
    states.iter().filter_map(State::exit).max_by_key(|exit| exit.0).unwrap_or(Exit::OK)
}

/// What is said at the end about clusters in which it did not succeed; `None` if there are none.
pub fn summary(names: &[&str], states: &[State], operation: &str) -> Option<String> {
    let count = |is: fn(&State) -> bool| states.iter().filter(|state| is(state)).count();
    let counts = [
        (count(State::is_success), "succeeded"),
        (count(State::is_failure), "failed"),
        (count(|state| *state == State::Running), "stopped"),
        (count(|state| *state == State::Waiting), "skipped"),
    ];
    if counts.iter().skip(1).all(|(count, _)| *count == 0) {
        return None;
    }
    let failed: Vec<&str> =
        names.iter().zip(states).filter(|(_, state)| state.is_failure()).map(|(name, _)| *name).collect();
    let all = format!("{} {}", names.len(), if names.len() == 1 { "cluster" } else { "clusters" });
    let mut text = match &failed[..] {
        [] => format!("not finished in {all}\n"),
        failed => format!("error: failed in {} of {all}: {}\n", failed.len(), failed.join(", ")),
    };
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    text += &format!("  {}\n  operation: {operation}\n", counts.collect::<Vec<_>>().join(", "));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, Problem};

    fn offline() -> State {
        let problem = Problem::new(&Failure::new(ErrorCode::Unavailable, "cluster \"b\" is offline"), "r-1");
        State::of(&ClientError::Problem(Box::new(problem)).into())
    }

    #[test]
    fn failures_of_our_own_have_a_code_that_is_no_answer() {
        let State::Failed(failure) = offline() else { panic!() };
        assert_eq!(
            (failure.what.as_str(), failure.code, failure.exit),
            ("cluster \"b\" is offline", "unavailable", Exit(6))
        );
        let State::Failed(failure) = State::of(&ClientError::Lost.into()) else { panic!() };
        assert_eq!((failure.code, failure.exit), ("lost", Exit(2)));
        let State::Failed(failure) = State::of(&ClientError::Timeout(30).into()) else { panic!() };
        assert_eq!((failure.code, failure.exit), ("timeout", Exit(7)));
    }

    #[test]
    fn the_worst_counts() {
        assert_eq!(worst(&[]), Exit(0));
        assert_eq!(worst(&[State::Exited(0), State::Waiting]), Exit(0));
        assert_eq!(worst(&[State::Exited(1), State::Exited(0), State::Running]), Exit(1));
        assert_eq!(worst(&[State::Exited(1), offline(), State::Exited(0)]), Exit(6));
    }

    #[test]
    fn the_summary_counts_and_names() {
        assert_eq!(summary(&["a", "b"], &[State::Exited(0), State::Exited(0)], "id"), None);
        let states = [State::Exited(0), offline(), State::Exited(1), State::Running, State::Waiting, State::Waiting];
        assert_eq!(
            summary(&["a", "b", "c", "d", "e", "f"], &states, "id").unwrap(),
            "error: failed in 2 of 6 clusters: b, c\n  1 succeeded, 2 failed, 1 stopped, 2 skipped\n  operation: id\n"
        );
        assert_eq!(
            summary(&["a"], &[State::Running], "id").unwrap(),
            "not finished in 1 cluster\n  1 stopped\n  operation: id\n"
        );
    }
}
