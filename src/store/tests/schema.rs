//! Migrations, and that both databases have the tables that the program knows.

use std::os::unix::fs::PermissionsExt as _;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Db, Place, on_both};
use crate::store::{Conn, Error, roles, schema};

on_both! {
    migrating_again_changes_nothing
    a_newer_schema_is_refused
    the_tables_are_those_that_the_program_knows
    commits_are_durable
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_migrate_an_empty_file_together() {
    replicas_migrate_together(Place::file()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_migrate_an_empty_server_together() {
    replicas_migrate_together(Place::server().await).await;
}

async fn replicas_migrate_together(place: Place) {
    let tasks: Vec<_> = (0..4).map(|_| place.open()).map(|s| tokio::spawn(async move { s.migrate().await })).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let roles = Db { store: place.open(), place }.read(roles::list).await.unwrap();
    assert_eq!(roles.len(), 3);
}

async fn migrating_again_changes_nothing(db: Db) {
    let ann = db.user("ann", &[]).await;
    db.store.migrate().await.unwrap();
    assert!(db.read(move |c| crate::store::users::by_id(c, ann)).await.unwrap().is_some());
    db.store.ping().await.unwrap();
}

async fn a_newer_schema_is_refused(db: Db) {
    db.write(|c| Ok(c.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')")?))
        .await
        .unwrap();
    for store in [db.store.clone(), db.place.open()] {
        match store.migrate().await {
            Err(Error::Newer(version)) => assert_eq!(version, "20991231000000"),
            other => panic!("{other:?}"),
        }
    }
}

/// `table.column` of all that the program knows, as `schema.rs` has it.
fn known() -> Vec<String> {
    macro_rules! columns {
        ($($table:ident),*) => {
            vec![$((stringify!($table), diesel::debug_query::<diesel::pg::Pg, _>(
                &schema::$table::table.select(schema::$table::all_columns)).to_string())),*]
        };
    }
    let tables = columns!(
        users,
        roles,
        user_roles,
        sessions,
        refresh_tokens,
        api_tokens,
        api_token_roles,
        clusters,
        agent_tokens,
        login_attempts,
        settings,
        audit_logs,
        audit_writers
    );
    let columns = tables.iter().flat_map(|(table, sql)| {
        let list = sql.strip_prefix("SELECT ").unwrap().split(" FROM ").next().unwrap();
        list.split(", ").map(move |column| format!("{table}.{}", column.rsplit('.').next().unwrap().trim_matches('"')))
    });
    let mut columns: Vec<String> = columns.collect();
    columns.sort();
    columns
}

async fn the_tables_are_those_that_the_program_knows(db: Db) {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let sql = match db.store.is_postgres() {
        true => {
            "SELECT table_name || '.' || column_name AS name FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' ORDER BY 1"
        }
        false => {
            "SELECT m.name || '.' || c.name AS name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                  WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY 1"
        }
    };
    let rows: Vec<Row> = db.read(move |c| Ok(diesel::sql_query(sql).load(c)?)).await.unwrap();
    let mut found: Vec<String> = rows.into_iter().map(|row| row.name).collect();
    found.sort();
    assert_eq!(found, known());
}

async fn commits_are_durable(db: Db) {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let get = |sql: &'static str| {
        db.write(move |c: &mut Conn| Ok(diesel::sql_query(sql).get_result::<Setting>(c).map(|s| s.value)?))
    };
    if db.store.is_postgres() {
        for (name, value) in [("synchronous_commit", "on"), ("statement_timeout", "1500ms"), ("lock_timeout", "1500ms")]
        {
            let sql: &'static str = format!("SELECT current_setting('{name}') AS value").leak();
            assert_eq!(get(sql).await.unwrap(), value);
        }
        return;
    }
    let pragmas = "SELECT j.journal_mode || ' ' || s.synchronous || ' ' || f.foreign_keys AS value \
        FROM pragma_journal_mode j, pragma_synchronous s, pragma_foreign_keys f";
    assert_eq!(get(pragmas).await.unwrap(), "wal 2 1", "2 is FULL");
    let Place::File(dir) = &db.place else { unreachable!() };
    let dir = dir.path().join("data");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
