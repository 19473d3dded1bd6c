//! Command lines that are not right.

use super::{Problems, User};

#[test]
fn command_lines() {
    let (user, mut problems) = (User::new(), Problems::default());
    for (name, line) in [
        ("usage-unknown-command", "clutsers list"),
        ("usage-unknown-subcommand", "clusters lst"),
        ("usage-unknown-flag", "clusters list --outptu json"),
        ("usage-unknown-value", "clusters list -o jsn"),
        ("usage-missing-argument", "cp a"),
        ("usage-surplus-argument", "clusters list dev"),
        ("usage-conflict", "admin users roles ann@example.com --role viewer --none"),
        ("sessions-revoke-nothing", "sessions revoke"),
        ("sessions-revoke-one-and-others", "sessions revoke x --others"),
        ("usage-number", "tokens create x --expires-in-days 1000"),
        ("usage-missing-value", "--server"),
        ("completion-unknown-shell", "completion tcsh"),
    ] {
        user.check(&mut problems, name, &mut user.command(line));
    }
    user.check(&mut problems, "usage-variable", user.command("clusters list").env("MK8S_OUTPUT", "jsn"));
    problems.expect_none();
}
