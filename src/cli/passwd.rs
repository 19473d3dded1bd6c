//! `mk8s passwd`: changes the password of whoever is logged in.

use super::exit::{Exit, with_hint};
use super::output;
use super::prompt::{PasswordArgs, same};
use super::session::SessionArgs;
use crate::model::ErrorCode;
use crate::model::session::PasswordChange;

/// Changes the password. Standard input has two lines: the current password and the new one.
pub async fn run(session: &SessionArgs, args: PasswordArgs) -> anyhow::Result<Exit> {
    args.check_source()?;
    let session = session.resolve()?;
    let client = session.client().await?;
    let (current_password, new_password) = if args.is_stdin() {
        let [current, new] = args.read(["", ""])?;
        (current, new)
    } else {
        let [current, new, again] = args.read(["Current password: ", "New password: ", "Repeat it: "])?;
        (current, same(new, &again)?)
    };
    let change = PasswordChange { current_password, new_password };
    client.change_password(&change).await.map_err(|error| match session.uses_api_token() {
        true => error.into(),
        false => with_hint(error, ErrorCode::Forbidden, "the password that you log in with"),
    })?;
    output::say("the password is changed; your other sessions have ended");
    Ok(Exit::OK)
}
