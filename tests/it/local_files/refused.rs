//! What is refused: by the client, which names it, and by central, whoever sends it.

use std::fs;

use mk8s::client::{Client, ClientError, Credential};
use mk8s::model::exec::Stdin;
use mk8s::model::{CommandFile, ErrorCode, ExecEnd, ExecOutput, ExecRequest};
use mk8s::tls::Trust;
use serde_json::{Value, json};

use super::{Home, left_over, mk8s};
use crate::support::{Central, Namespace, Stack, run};

#[test]
fn the_client_names_what_it_does_not_send() {
    let (stack, home, namespace) = (Stack::start(), Home::new(), Namespace::create());
    home.write("work/out/kustomization.yaml", b"resources: [../kustom]\n");
    home.write("work/far/kustomization.yaml", b"resources: [inner]\n");
    home.write("work/far/inner/kustomization.yaml", b"resources: [https://127.0.0.1:1/x.yaml]\n");
    home.write("work/linked/kustomization.yaml", b"resources: [up.yaml]\n");
    std::os::unix::fs::symlink("../../up.yaml", home.work().join("linked/up.yaml")).expect("symlink");
    std::os::unix::fs::symlink("nosuch", home.work().join("objects/dangling.yaml")).expect("symlink");
    home.write("work/bare.env", b"A=b\nHOME\n");
    let large = fs::File::create(home.work().join("large.yaml")).expect("create");
    large.set_len(65 << 20).expect("length");
    for (line, said) in [
        ("create --dry-run=client -o name -k out", "\"../kustom\", to which kustomization.yaml refers, is outside"),
        ("create --dry-run=client -o name -k far", "\"https://127.0.0.1:1/x.yaml\", to which inner/kustomization.yaml"),
        ("create --dry-run=client -o name -k linked", "\"linked/up.yaml\" is a symbolic link"),
        ("create --dry-run=client -o name -k https://127.0.0.1:1/x", "-k takes a directory of your machine"),
        ("create --dry-run=client -o name -f http://127.0.0.1:1/x.yaml", "curl -fsSL URL"),
        ("create --dry-run=client -o name -f objects", "\"objects/dangling.yaml\" cannot be read"),
        ("create configmap x --dry-run=client --from-env-file=bare.env", "HOME without a value"),
        ("create --dry-run=client -o name -f large.yaml", "65 MiB together, at most 64 MiB"),
        ("create configmap x --dry-run=client --from-file=/dev/zero", "more than the 64 MiB"),
        ("create --dry-run=client -o name -f ../../../../../../../../../../../../x", "above the root"),
    ] {
        let output = home.run(mk8s(&stack), line, &namespace, b"");
        // One that does not exist is not sent, and central refuses its name.
        assert!(output.code == 2 && output.err().contains(said), "{line}: {} {}", output.code, output.err());
        assert!(output.stdout.is_empty(), "{line}: {}", output.out());
    }
}

/// The answer of `POST exec` to a body.
fn post(central: &Central, body: &Value) -> (u16, String) {
    let mut curl = central.curl();
    curl.args(["--write-out", "\n%{http_code}", "--data-binary", "@-"]);
    let output = run(curl.arg(format!("{}/clusters/dev/exec", central.url)), body.to_string().as_bytes());
    let text = output.out();
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a status"), body.to_owned())
}

const MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}}";

#[test]
fn post_takes_files_and_refuses_what_would_lead_elsewhere() {
    let stack = Stack::start();
    let create = |path: &str, more: Value| {
        let mut body = json!({ "command": ["create", "--dry-run=client", "-o", "name", "-f", path] });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        post(&stack.central, &body)
    };
    let file = |name: &str| json!({ "files": [{ "name": name, "content": MAP }] });
    for (path, more) in [
        ("map.yaml", file("map.yaml")),
        ("a/b/map.yaml", file("a/b/map.yaml")),
        ("/a/map.yaml", file("a/map.yaml")),
        ("../map.yaml", json!({ "directory": "home/ann", "files": [{ "name": "home/map.yaml", "content": MAP }] })),
        (
            "a",
            json!({ "files": [{ "name": "a/x.yaml", "content_base64": "e2FwaVZlcnNpb246IHYxLCBraW5kOiBDb25maWdNYXAsIG1ldGFkYXRhOiB7bmFtZTogbWFwfX0=" }] }),
        ),
    ] {
        let (status, body) = create(path, more);
        assert!(status == 200 && body.contains("configmap/map"), "{path}: {status} {body}");
    }
    let names =
        ["", "/x", "x/", "../x", "a/../x", "./x", "a//x", ".", "..", "a\0b", &"x".repeat(256), &"a/".repeat(70)];
    for name in names {
        let (status, body) = create("x", file(name));
        assert!(status == 400 && body.contains("file name"), "{name:?}: {status} {body}");
        if !name.is_empty() {
            let (status, _) = create("x", json!({ "directory": name, "files": [] }));
            assert_eq!(status, 400, "{name:?}");
        }
    }
    let many = |count: usize| json!({ "files": (0..count).map(|n| json!({ "name": n.to_string(), "content": "" })).collect::<Vec<_>>() });
    for (status, path, more, said) in [
        (400, "/etc/passwd", json!({}), "no files came"),
        (400, "x", json!({ "directory": "a" }), "is for commands with"),
        (400, "../x", file("x"), "above the root"),
        (400, "x", json!({ "files": [{ "name": "x", "content": "" }, { "name": "x", "content": "" }] }), "two files"),
        (
            400,
            "x",
            json!({ "files": [{ "name": "x", "content": "" }, { "name": "x/y", "content": "" }] }),
            "both a file",
        ),
        (400, "x", json!({ "files": [{ "name": "x" }] }), "exactly one of"),
        (400, "x", json!({ "files": [{ "name": "x", "content": "", "content_base64": "" }] }), "exactly one of"),
        (400, "x", json!({ "files": [{ "name": "x", "size": 1 }] }), "WebSocket"),
        (400, "x", json!({ "files": [{ "name": "x", "content_base64": "*" }] }), "not valid"),
        (413, "x", many(4097), "at most 4096"),
        (413, "x", json!({ "files": [{ "name": "x", "content": "x".repeat(9 << 20) }] }), "8 MiB"),
    ] {
        let (found, body) = create(path, more);
        assert!(found == status && body.contains(said), "{said}: {found} {body}");
    }
    // The agent's own files are not there, whatever is named.
    let (_, body) = create("/etc/passwd", json!({ "files": [] }));
    assert!(body.contains(r#"the path \"/etc/passwd\" does not exist"#), "{body}");
    // What the agent refuses, as central does not look into files.
    for (command, name, content, said) in [
        (&["create", "-k", "/"][..], "kustomization.yaml", "resources: [https://127.0.0.1:1/x]", "on another machine"),
        (&["create", "-k", "a"], "a/Kustomization", "resources: [../b]", "outside of the directory"),
        (&["create", "cm", "x", "--dry-run=client", "--from-env-file=e"], "e", "KUBECONFIG\n", "without a value"),
    ] {
        let (_, body) =
            post(&stack.central, &json!({ "command": command, "files": [{ "name": name, "content": content }] }));
        assert!(body.contains(said) && body.contains("was not run"), "{said}: {body}");
    }
    assert_eq!(left_over(&stack).len(), 0);
}

/// Sends a command whose files have these sizes, and these pieces of their contents; how it ends.
async fn send(stack: &Stack, sizes: &[u64], pieces: &[&[u8]], input_first: bool) -> Result<ExecOutput, ClientError> {
    let client = Client::new(&stack.central.url, &Trust::CaFile(stack.central.ca_file())).expect("client");
    let client = client.with_credential(Credential::ApiToken(Central::token().to_owned().into()));
    let files = sizes.iter().enumerate();
    let files =
        files.map(|(n, size)| CommandFile { name: format!("{n}.yaml"), size: Some(*size), ..CommandFile::default() });
    let request = ExecRequest {
        command: ["create", "--dry-run=client", "-o", "name", "-f", "0.yaml"].map(str::to_owned).to_vec(),
        stdin: Some(Stdin::Follows(true)),
        files: Some(files.collect()),
        ..ExecRequest::default()
    };
    let (mut writer, mut reader) = client.exec(&"dev".parse().expect("a name"), &request).await?;
    if input_first {
        let _ = writer.send(b"x").await;
    }
    for piece in pieces {
        let _ = writer.send_file(piece).await;
    }
    loop {
        match reader.next().await? {
            ExecOutput::Stdout(_) | ExecOutput::Stderr(_) => {}
            end @ ExecOutput::End(_) => return Ok(end),
        }
    }
}

#[tokio::test]
async fn what_was_not_announced_ends_the_command() {
    let stack = tokio::task::spawn_blocking(Stack::start).await.expect("stack");
    let map = MAP.as_bytes();
    let sizes = [map.len() as u64, 3];
    // Pieces may be cut anywhere.
    let ok = send(&stack, &sizes, &[&map[..5], &map[5..], b"x", b"yz"], false).await;
    assert!(matches!(ok, Ok(ExecOutput::End(ExecEnd::Code(0)))), "{ok:?}");
    let whole = [map, b"xyz"].concat();
    let ok = send(&stack, &sizes, &[&whole], false).await;
    assert!(matches!(ok, Ok(ExecOutput::End(ExecEnd::Code(0)))), "{ok:?}");
    for (sizes, pieces, input_first, code, said) in [
        (&sizes[..], &[&whole[..], b"more"][..], false, ErrorCode::InvalidRequest, "more bytes than"),
        (&sizes, &[&[0; 100_000][..]], false, ErrorCode::InvalidRequest, "more bytes than"),
        (&[], &[b"x"], false, ErrorCode::InvalidRequest, "more bytes than"),
        (&sizes, &[], true, ErrorCode::InvalidRequest, "before all bytes"),
        (&[(64 << 20) + 1], &[], false, ErrorCode::TooLarge, "at most 64 MiB"),
        (&[64 << 20, 1], &[], false, ErrorCode::TooLarge, "at most 64 MiB"),
        (&[u64::MAX, u64::MAX], &[], false, ErrorCode::TooLarge, "at most 64 MiB"),
    ] {
        match send(&stack, sizes, pieces, input_first).await {
            Err(ClientError::Problem(problem)) => {
                assert!(problem.code == code && problem.detail.contains(said), "{sizes:?}: {problem:?}");
            }
            // The command may have ended by itself a moment before the byte too many.
            Ok(ExecOutput::End(ExecEnd::Code(_))) if pieces.len() == 2 => {}
            other => panic!("{sizes:?}: {other:?}"),
        }
    }
    crate::support::wait_for("nothing is left of them", crate::support::PATIENCE, || {
        (left_over(&stack).is_empty() && stack.agent.children().is_empty()).then_some(())
    });
}
