//! A line on the user's terminal that says how far many clusters are, while nothing else stands there.

use super::state::State;

/// The line, so long that it stays one.
pub fn line(names: &[&str], states: &[State], columns: usize) -> String {
    let failed = states.iter().filter(|state| state.is_failure()).count();
    let done = failed + states.iter().filter(|state| state.is_success()).count();
    let mut line = format!("{done}/{} done", states.len());
    if failed > 0 {
        line += &format!(", {failed} failed");
    }
    let mut running = names.iter().zip(states).filter(|(_, state)| **state == State::Running).map(|(name, _)| *name);
    // The last column stays free: some terminals go to the next line when it is taken.
    let room = columns.saturating_sub(1);
    if let Some(first) = running.next() {
        line += &format!(", waiting for {first}");
        for name in running {
            // With the dots that may have to follow.
            if line.len() + 2 + name.len() + 2 > room {
                line += " …";
                break;
            }
            line += &format!(", {name}");
        }
    }
    if line.chars().count() > room {
        line = line.chars().take(room.saturating_sub(1)).chain(['…']).collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_who_is_waited_for_as_far_as_there_is_room() {
        let names = ["a", "b", "prod-eu", "prod-us", "prod-ap", "z"];
        let running = || State::Running;
        let states = [State::Exited(0), State::Exited(1), running(), running(), running(), State::Waiting];
        let shown = |columns| line(&names, &states, columns);
        assert_eq!(shown(80), "2/6 done, 1 failed, waiting for prod-eu, prod-us, prod-ap");
        assert_eq!(shown(52), "2/6 done, 1 failed, waiting for prod-eu, prod-us …");
        assert_eq!(shown(45), "2/6 done, 1 failed, waiting for prod-eu …");
        assert_eq!(shown(20), "2/6 done, 1 failed…");
        for columns in 2..80 {
            assert!(shown(columns).chars().count() < columns, "{columns}");
        }
        assert_eq!(line(&["a"], &[State::Waiting], 80), "0/1 done");
    }
}
