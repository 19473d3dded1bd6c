//! One connection type over both databases. `PgConn` passes everything on to diesel-async's blocking wrapper and adds
//! the one trait that it lacks, `MultiConnectionHelper`, so that diesel can derive the rest.

use std::any::Any;

use diesel::connection::{
    CacheSize, ConnectionSealed, Instrumentation, LoadConnection, MultiConnectionHelper, SimpleConnection,
    TransactionManager, TransactionManagerStatus,
};
use diesel::migration::MigrationConnection;
use diesel::pg::{FailedToLookupTypeError, Pg, PgMetadataCacheKey, PgMetadataLookup, PgTypeMetadata};
use diesel::prelude::*;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::pooled_connection::PoolableConnection as _;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
#[allow(missing_docs)]
// Connections live in the boxes of their pool and are seldom moved.
#[allow(clippy::large_enum_variant)]
pub enum Conn {
    /// SQLite.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConn),
}

impl Conn {
    /// Whether it cannot be used again: in a transaction still, in an unknown state, or closed by the server.
    pub fn is_broken(&mut self) -> bool {
        let in_transaction = <Self as Connection>::TransactionManager::is_broken_transaction_manager(self);
        in_transaction
            || match self {
                Self::Sqlite(_) => false,
                Self::Postgres(c) => c.0.is_broken(),
            }
    }
}

/// Runs the same statement on whichever database it is: for what diesel does not offer on both at once, which are
/// inserts of several rows.
macro_rules! each {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite($c) => $body,
            $crate::store::Conn::Postgres($c) => $body,
        }
    };
}
pub(super) use each;

type Inner = AsyncConnectionWrapper<AsyncPgConnection>;
type InnerTransactions = <Inner as Connection>::TransactionManager;

/// A connection to PostgreSQL.
pub struct PgConn(pub(super) Inner);

/// Its transactions.
pub struct PgTransactions;

impl ConnectionSealed for PgConn {}

impl SimpleConnection for PgConn {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.0.batch_execute(sql)
    }
}

impl Connection for PgConn {
    type Backend = Pg;
    type TransactionManager = PgTransactions;

    fn establish(url: &str) -> ConnectionResult<Self> {
        Inner::establish(url).map(Self)
    }

    fn execute_returning_count<T: QueryFragment<Pg> + QueryId>(&mut self, query: &T) -> QueryResult<usize> {
        self.0.execute_returning_count(query)
    }

    fn transaction_state(&mut self) -> &mut <PgTransactions as TransactionManager<Self>>::TransactionStateData {
        self.0.transaction_state()
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.0.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.0.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.0.set_prepared_statement_cache_size(size);
    }
}

impl LoadConnection for PgConn {
    type Cursor<'conn, 'query> = <Inner as LoadConnection>::Cursor<'conn, 'query>;
    type Row<'conn, 'query> = <Inner as LoadConnection>::Row<'conn, 'query>;

    fn load<'conn, 'query, T>(&'conn mut self, query: T) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: diesel::expression::QueryMetadata<T::SqlType>,
    {
        self.0.load(query)
    }
}

impl TransactionManager<PgConn> for PgTransactions {
    type TransactionStateData = <InnerTransactions as TransactionManager<Inner>>::TransactionStateData;

    fn begin_transaction(conn: &mut PgConn) -> QueryResult<()> {
        InnerTransactions::begin_transaction(&mut conn.0)
    }

    fn rollback_transaction(conn: &mut PgConn) -> QueryResult<()> {
        InnerTransactions::rollback_transaction(&mut conn.0)
    }

    fn commit_transaction(conn: &mut PgConn) -> QueryResult<()> {
        InnerTransactions::commit_transaction(&mut conn.0)
    }

    fn transaction_manager_status_mut(conn: &mut PgConn) -> &mut TransactionManagerStatus {
        InnerTransactions::transaction_manager_status_mut(&mut conn.0)
    }
}

impl MigrationConnection for PgConn {
    fn setup(&mut self) -> QueryResult<usize> {
        self.0.setup()
    }
}

/// The built-in types have fixed identifiers, so nothing is ever looked up. A type of ours would be, and fails.
struct BuiltInTypes;

impl PgMetadataLookup for BuiltInTypes {
    fn lookup_type(&mut self, name: &str, schema: Option<&str>) -> PgTypeMetadata {
        let key = PgMetadataCacheKey::new(schema.map(|s| s.to_owned().into()), name.to_owned().into());
        PgTypeMetadata::from_result(Err(FailedToLookupTypeError::new(key)))
    }

    fn as_any<'a>(&mut self) -> &mut (dyn Any + 'a)
    where
        Self: 'a,
    {
        self
    }
}

type Lookup = <Pg as diesel::sql_types::TypeMetadata>::MetadataLookup;

impl MultiConnectionHelper for PgConn {
    fn to_any<'a>(_: &mut Lookup) -> &mut (dyn Any + 'a) {
        // A type without a size: nothing is allocated, so nothing is leaked.
        Box::leak(Box::new(BuiltInTypes))
    }

    fn from_any(any: &mut dyn Any) -> Option<&mut Lookup> {
        any.downcast_mut::<BuiltInTypes>().map(|lookup| lookup as _)
    }
}
