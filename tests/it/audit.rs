//! The audit log: everything is in it, nothing goes to a cluster before it is, and a change to it is seen.

mod canaries;
mod export;
mod failures;
mod full;
mod records;
mod torture;

use std::path::PathBuf;
use std::process::Command;

use mk8s::model::audit::{AuditFilter, AuditPage, AuditRecord};

use crate::support::{Central, PATIENCE, run, wait_for};

impl Central {
    /// The latest records that a filter wants, the latest first.
    pub fn audit(&self, filter: &AuditFilter) -> Vec<AuditRecord> {
        let mut query = Vec::new();
        let fields = serde_json::to_value(filter).expect("JSON");
        for (name, value) in fields.as_object().expect("fields") {
            if let Some(text) = value.as_str() {
                query.push(format!("{name}={text}"));
            }
        }
        let answer = self.get(&format!("/admin/audit?limit=1000&{}", query.join("&")), Self::token()).expect(200);
        serde_json::from_value::<AuditPage>(answer.body).expect("a page").records
    }

    /// Waits for a record that has ended.
    pub fn recorded(&self, what: &str, wanted: impl Fn(&AuditRecord) -> bool) -> AuditRecord {
        wait_for(what, PATIENCE, || {
            self.audit(&AuditFilter::default()).into_iter().find(|record| record.outcome.is_some() && wanted(record))
        })
    }

    /// The file of the database.
    fn database(&self) -> PathBuf {
        self.dir.path().join("data/mk8s.db")
    }

    /// Runs a statement in the database, as somebody who has got hold of its file.
    pub fn sql(&self, statement: &str) {
        let program = "import sqlite3, sys\n\
                       c = sqlite3.connect(sys.argv[1], timeout=20)\n\
                       c.execute(sys.argv[2])\n\
                       c.commit()\n";
        run(Command::new("python3").args(["-c", program]).arg(self.database()).arg(statement), b"").expect(0);
    }
}
