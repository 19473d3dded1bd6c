//! `mk8s kubectl edit`: objects of a cluster in an editor of this machine.
//!
//! The remote kubectl gets the objects, prints them, and reads what was made of them, so that both are as with a kubectl
//! here. What was changed goes through the gateway, each object with the version that it had when it was opened: if
//! somebody else has changed it meanwhile, nothing is overwritten. What the person has written is never lost.

mod document;
mod editor;
mod objects;

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use anyhow::Context as _;
use serde_json::Value;

use super::exit::{self, CliError, Exit};
use super::kept;
use super::kubectl::capture;
use super::output;
use super::runtime::or_signal;
use super::session::{Session, SessionArgs};
use crate::client::{ClientError, Gateway, ObjectPatch};
use crate::kubernetes::kubectl::{Edit, EditForm};
use crate::model::ErrorCode;
use document::{is_empty, page, text_of};
use editor::{Draft, Editor};
use objects::{Change, Object, changes};

/// The kubectl that reads objects as every kubectl does, and asks no cluster for that.
const READ: [&str; 6] = ["patch", "--local", "--filename=-", "--type=merge", "--patch={}", "--output=json"];

/// What kubectl says of a text in which there are none.
const NONE: &str = "no objects passed";

/// An edit that goes on, with the central and in the cluster in which it began: others may be chosen meanwhile.
struct Editing {
    session: Session,
    edit: Edit,
    objects: Vec<Object>,
    /// Whether anything was changed in the cluster.
    edited: bool,
}

/// Edits.
pub async fn run(args: &SessionArgs, edit: Edit) -> anyhow::Result<Exit> {
    let session = args.resolve()?;
    let (text, objects) = match or_signal(get(&session, &edit)).await? {
        ControlFlow::Continue(ControlFlow::Continue(got)) => got,
        ControlFlow::Continue(ControlFlow::Break(exit)) | ControlFlow::Break(exit) => return Ok(exit),
    };
    let file = if edit.form == EditForm::Json { "edit.json" } else { "edit.yaml" };
    let draft = Draft::new(file).context("cannot make a file to edit")?;
    let end = Editing { session, edit, objects, edited: false }.rounds(&draft, text.clone()).await;
    // Whatever went wrong: what was written stays.
    if !matches!(end, Ok(Exit::OK)) && draft.read().map_or(true, |page| text_of(&page) != text) {
        draft.keep();
    }
    end
}

/// The objects, and as kubectl prints them; or how it has failed.
async fn get(session: &Session, edit: &Edit) -> anyhow::Result<ControlFlow<Exit, (String, Vec<Object>)>> {
    let got = capture(session, edit.get.clone(), None).await?;
    // Nobody is left to see it when this fails.
    let _ = io::stderr().write_all(&got.stderr);
    if got.exit != Exit::OK {
        return Ok(ControlFlow::Break(got.exit));
    }
    let text = text_of(&String::from_utf8_lossy(&got.stdout));
    let failed = |what: &str| ControlFlow::Break(fail(CliError { what: what.into(), hint: None, exit: Exit::FAILURE }));
    Ok(match read(session, &text).await? {
        Ok(objects) => ControlFlow::Continue((text, objects.into_iter().map(Object::new).collect())),
        Err(said) if said.contains(NONE) => failed("edit cancelled, no objects found"),
        Err(said) => failed(&said),
    })
}

/// The objects in a text; or what kubectl has to say of it.
async fn read(session: &Session, text: &str) -> anyhow::Result<Result<Vec<Value>, String>> {
    let read = capture(session, READ.map(str::to_owned).to_vec(), Some(text.as_bytes())).await?;
    if read.exit != Exit::OK {
        return Ok(Err(String::from_utf8_lossy(&read.stderr).into_owned()));
    }
    let objects = serde_json::Deserializer::from_slice(&read.stdout).into_iter::<Value>();
    Ok(objects.collect::<Result<_, _>>().map_err(|error| error.to_string()))
}

impl Editing {
    /// Opens the editor until it is done with, or given up.
    async fn rounds(mut self, draft: &Draft, mut text: String) -> anyhow::Result<Exit> {
        let editor = Editor::of_environment();
        let mut reasons = Vec::new();
        loop {
            let page = page(&text, &reasons, self.edit.form);
            let page = if self.has_windows_line_endings() { page.replace('\n', "\r\n") } else { page };
            let named = || format!("cannot use {}", draft.path().display());
            draft.write(&page).with_context(named)?;
            if let Err(failed) = editor.open(draft.path()).await {
                return Ok(fail(failed));
            }
            let now = text_of(&draft.read().with_context(named)?);
            if is_empty(&now) {
                output::say("Edit cancelled, saved file was empty.");
                return Ok(Exit::OK);
            }
            if now == text {
                if reasons.is_empty() {
                    output::say("Edit cancelled, no changes made.");
                    return Ok(Exit::OK);
                }
                let what = "edit cancelled, no valid changes were saved".into();
                return Ok(fail(CliError { what, hint: None, exit: Exit::FAILURE }));
            }
            text = now;
            reasons = match or_signal(self.apply(&text)).await? {
                ControlFlow::Continue(ControlFlow::Continue(reasons)) => reasons,
                ControlFlow::Continue(ControlFlow::Break(exit)) | ControlFlow::Break(exit) => return Ok(exit),
            };
        }
    }

    fn has_windows_line_endings(&self) -> bool {
        self.edit.windows_line_endings.unwrap_or(cfg!(windows))
    }

    /// Changes in the cluster what was changed in the text; or why the text has to be edited again.
    async fn apply(&mut self, text: &str) -> anyhow::Result<ControlFlow<Exit, Vec<String>>> {
        let edited = match read(&self.session, text).await? {
            Ok(edited) => edited,
            Err(said) => return Ok(self.again(document::reason(&said, self.edit.form))),
        };
        let changes = match changes(&self.objects, edited) {
            Ok(changes) => changes,
            Err(why) => return Ok(self.again(why)),
        };
        let first = !self.edited;
        if first && changes.iter().all(|change| change.patch.is_none()) {
            output::say("Edit cancelled, no changes made.");
            return Ok(ControlFlow::Break(Exit::OK));
        }
        let gateway = kept::gateway(self.session.clone()).await?;
        let (mut reasons, mut exit) = (Vec::new(), Exit::OK);
        for change in changes {
            match self.change(&gateway, change, first).await? {
                ControlFlow::Continue(why) => reasons.extend(why),
                ControlFlow::Break(failed) => exit = failed,
            }
        }
        Ok(match reasons.is_empty() || exit != Exit::OK {
            true => ControlFlow::Break(exit),
            false => ControlFlow::Continue(reasons),
        })
    }

    /// A text that is not right; in JSON the reason cannot stand in it.
    fn again(&self, why: String) -> ControlFlow<Exit, Vec<String>> {
        if self.edit.form == EditForm::Json {
            output::say(&format!("error: {why}"));
        }
        ControlFlow::Continue(vec![why])
    }

    /// Changes one object; why that has to be edited again, or how it has failed.
    async fn change(
        &mut self,
        gateway: &Gateway,
        change: Change,
        first: bool,
    ) -> anyhow::Result<ControlFlow<Exit, Option<String>>> {
        let Some(object) = self.objects.get_mut(change.index) else { return Ok(ControlFlow::Continue(None)) };
        let title = object.title();
        let Some(patch) = &change.patch else {
            if first {
                output::print(&format!("{title} skipped\n"))?;
            }
            return Ok(ControlFlow::Continue(None));
        };
        if self.edit.prints_patch {
            output::print(&format!("Patch: {patch}\n"))?;
        }
        let asked = ObjectPatch {
            api_version: object.api_version(),
            kind: object.kind(),
            namespace: object.namespace(),
            name: object.name(),
            subresource: self.edit.subresource.as_deref(),
            field_manager: &self.edit.field_manager,
            validation: self.edit.validation,
            patch,
        };
        let mut patched = match gateway.patch_object(&asked).await {
            Ok(patched) => patched,
            Err(ClientError::Problem(problem)) if problem.code == ErrorCode::InvalidRequest => {
                output::say(&format!("error: {title} is not valid"));
                if self.edit.form == EditForm::Json {
                    output::say(&format!("  why: {}", problem.detail));
                }
                return Ok(ControlFlow::Continue(Some(format!("{title} is not valid:\n* {}", problem.detail))));
            }
            Err(error) => return Ok(ControlFlow::Break(fail(refused(error, &title)))),
        };
        patched.warnings.iter().for_each(|warning| output::say(&format!("Warning: {warning}")));
        object.changed(change.edited, &patched.object);
        self.edited = true;
        if !self.edit.managed_fields
            && let Some(metadata) = patched.object.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.remove("managedFields");
        }
        output::print(&match (self.edit.prints, self.edit.form) {
            (false, _) => format!("{title} edited\n"),
            (true, EditForm::Yaml) => output::yaml(&patched.object)?,
            (true, EditForm::Json) => output::json(&patched.object)?,
        })?;
        Ok(ControlFlow::Continue(None))
    }
}

/// Why an object was not changed, and what can be done with the copy.
fn refused(error: ClientError, title: &str) -> anyhow::Error {
    let told = |what: String, hint: &str| CliError { what, hint: Some(hint.to_owned()), exit: Exit::FAILURE };
    match error.problem().map(|problem| problem.code) {
        Some(ErrorCode::Conflict) => anyhow::Error::from(error).context(told(
            format!("{title} has been changed by somebody else: nothing was overwritten"),
            "mk8s kubectl edit again, and take your changes over from the copy",
        )),
        Some(ErrorCode::NotFound) => anyhow::Error::from(error).context(told(
            format!("{title} is not there any more"),
            "mk8s kubectl create -f with the copy, without its metadata.resourceVersion and metadata.uid",
        )),
        _ => anyhow::Error::from(error).context(format!("cannot change {title}")),
    }
}

/// A failure for which kubectl, too, ends with 1.
fn fail(error: impl Into<anyhow::Error>) -> Exit {
    exit::report(&error.into());
    Exit::FAILURE
}
