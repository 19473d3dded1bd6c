//! Compiles the agent protocol without protoc and records the commit of the build.

use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/mk8s");
    // They are embedded, and the macro that does so does not see a new one.
    println!("cargo:rerun-if-changed=migrations");
    let descriptors = protox::compile(["mk8s/agent/v1/agent.proto"], ["proto"])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;

    println!("cargo:rerun-if-env-changed=MK8S_COMMIT");
    // A file that does not exist would make every build run this again.
    if std::path::Path::new(".git/logs/HEAD").exists() {
        println!("cargo:rerun-if-changed=.git/logs/HEAD");
    }
    let commit = std::env::var("MK8S_COMMIT").ok().or_else(head_commit).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=MK8S_COMMIT={commit}");
    Ok(())
}

fn head_commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
