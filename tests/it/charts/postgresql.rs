//! Central's chart with PostgreSQL and with everything in Secrets, and an agent whose values bring token and authority.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::release::Installed;
use super::setup::Helm;
use crate::support::postgres::Database;
use crate::support::{Namespace, PATIENCE, run, wait_for};
use crate::tls::authority::{Authority, Wanted};

#[test]
fn central_runs_with_postgresql_and_an_agent_with_files() {
    let Some(helm) = Helm::find() else { return };
    let (namespace, database) = (Namespace::called("charts"), Database::create());
    let dir = tempfile::tempdir().expect("temporary directory");
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).expect("write");
        path.display().to_string()
    };
    let service = format!("mk8s-central.{}.svc", namespace.0);
    let authority = Authority::new("charts");
    let leaf = authority.sign(&Wanted::server(&["localhost", &service]));
    let key = dir.path().join("signing.pem").display().to_string();
    run(Command::new("openssl").args(["genrsa", "-out", &key, "2048"]), b"").expect(0);
    let ca = file("ca.crt", &authority.pem);
    let token = file("dev.token", "mk8s_agent_charts_0123456789abcdefghijklmnopqrstuvwxyz\n");
    for (name, files) in [
        ("database", vec![("url", file("url", database.url()))]),
        ("signing-key", vec![("signing.pem", key)]),
        (
            "certificate",
            vec![
                ("tls.crt", file("tls.crt", &leaf.cert)),
                ("tls.key", file("tls.key", &leaf.key)),
                ("ca.crt", ca.clone()),
            ],
        ),
        ("dev", vec![("token", token.clone())]),
    ] {
        let files: Vec<String> = files.iter().map(|(key, file)| format!("--from-file={key}={file}")).collect();
        let create = ["create", "secret", "generic", name];
        namespace.kubectl(&[&create[..], &files.iter().map(String::as_str).collect::<Vec<_>>()].concat(), "");
    }
    let args = [
        "--set=database.type=postgresql,database.existingSecret=database,auth.existingSecret=signing-key",
        "--set=tls.existingSecret=certificate,helmTest.caKey=ca.crt",
        "--set=bootstrap.clusters[0].name=dev,bootstrap.clusters[0].existingSecret=dev",
    ];
    let central = Installed::new(helm, namespace, &args, Some(dir.path().join("ca.crt").as_path()));
    central.helm("test", &central.name).expect(0);
    assert!(central.objects().iter().any(|name| name == "deployment.apps/mk8s-central"), "{:?}", central.objects());

    let release = format!("mk8s-agent-{}", central.namespace.0);
    let (url, ca, token) =
        (format!("central.url=https://{service}:8443"), format!("central.ca={ca}"), format!("token.value={token}"));
    let args = ["--set", &url, "--set-file", &ca, "--set-file", &token, "--set", "replicaCount=1,config.cluster=dev"];
    central.apply("install", &release, "mk8s-agent", &args).expect(0);
    let shown = central.mk8s(&["clusters", "show", "dev", "-o", "json"]).expect(0).out();
    assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON")["status"], "online");
    central.helm("test", &release).expect(0);
    for release in [&release, &central.name] {
        central.helm("uninstall", release).expect(0);
    }
    wait_for("nothing but what was made by hand is left", PATIENCE, || {
        central.objects().iter().all(|name| name.starts_with("secret/") && !name.contains("helm")).then_some(())
    });
}
