//! One blocking diesel connection to either database, so that each query is written once.

use std::any::Any;

use diesel::connection::{
    CacheSize, ConnectionSealed, Instrumentation, LoadConnection, MultiConnectionHelper, SimpleConnection,
    TransactionManager, TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::migration::MigrationConnection;
use diesel::pg::{FailedToLookupTypeError, Pg, PgMetadataCacheKey, PgMetadataLookup, PgTypeMetadata};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::{Connection, ConnectionResult, QueryResult, SqliteConnection};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::pooled_connection::PoolableConnection as _;
use tokio::task::AbortHandle;

/// A connection to SQLite or PostgreSQL. Only functions of this room send queries to it.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConn),
}

impl Conn {
    /// Whether it is in a transaction still, in an unknown state, or closed, and so must not be used again.
    pub(super) fn is_broken(&mut self) -> bool {
        <Self as Connection>::TransactionManager::is_broken_transaction_manager(self)
            || match self {
                Self::Sqlite(_) => false,
                Self::Postgres(c) => c.inner.is_broken(),
            }
    }
}

type Inner = AsyncConnectionWrapper<AsyncPgConnection>;
type InnerTransactions = <Inner as Connection>::TransactionManager;

/// A connection to PostgreSQL through diesel-async, which needs no libpq. It passes everything on, and adds the one
/// trait that diesel-async's own wrapper lacks, [`MultiConnectionHelper`].
pub struct PgConn {
    inner: Box<Inner>,
    driver: AbortHandle,
    /// Which generation of the pool's connections it belongs to.
    pub(super) generation: u64,
}

impl PgConn {
    /// Wraps a connection. `driver` is the task that moves its bytes.
    pub(super) fn new(inner: AsyncPgConnection, driver: AbortHandle, generation: u64) -> Self {
        Self { inner: Box::new(inner.into()), driver, generation }
    }

    /// What hangs up, even while a thread waits for an answer: that thread gets an error at once.
    pub(super) fn driver(&self) -> AbortHandle {
        self.driver.clone()
    }
}

impl ConnectionSealed for PgConn {}

impl SimpleConnection for PgConn {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.inner.batch_execute(sql)
    }
}

impl Connection for PgConn {
    type Backend = Pg;
    type TransactionManager = PgTransactions;

    /// Not used: the pool connects, with its own TLS and limits.
    fn establish(_url: &str) -> ConnectionResult<Self> {
        Err(diesel::ConnectionError::BadConnection("only the pool opens connections".into()))
    }

    fn execute_returning_count<T: QueryFragment<Pg> + QueryId>(&mut self, query: &T) -> QueryResult<usize> {
        self.inner.execute_returning_count(query)
    }

    fn transaction_state(&mut self) -> &mut <PgTransactions as TransactionManager<Self>>::TransactionStateData {
        self.inner.transaction_state()
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.inner.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.inner.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.inner.set_prepared_statement_cache_size(size);
    }
}

impl LoadConnection for PgConn {
    type Cursor<'conn, 'query> = <Inner as LoadConnection>::Cursor<'conn, 'query>;
    type Row<'conn, 'query> = <Inner as LoadConnection>::Row<'conn, 'query>;

    fn load<'conn, 'query, T>(&'conn mut self, query: T) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        self.inner.load(query)
    }
}

impl MigrationConnection for PgConn {
    fn setup(&mut self) -> QueryResult<usize> {
        self.inner.setup()
    }
}

/// The transactions of [`PgConn`].
pub struct PgTransactions;

impl TransactionManager<PgConn> for PgTransactions {
    type TransactionStateData = <InnerTransactions as TransactionManager<Inner>>::TransactionStateData;

    fn begin_transaction(conn: &mut PgConn) -> QueryResult<()> {
        InnerTransactions::begin_transaction(&mut *conn.inner)
    }

    fn rollback_transaction(conn: &mut PgConn) -> QueryResult<()> {
        InnerTransactions::rollback_transaction(&mut *conn.inner)
    }

    fn commit_transaction(conn: &mut PgConn) -> QueryResult<()> {
        InnerTransactions::commit_transaction(&mut *conn.inner)
    }

    fn transaction_manager_status_mut(conn: &mut PgConn) -> &mut TransactionManagerStatus {
        InnerTransactions::transaction_manager_status_mut(&mut *conn.inner)
    }

    fn is_broken_transaction_manager(conn: &mut PgConn) -> bool {
        InnerTransactions::is_broken_transaction_manager(&mut *conn.inner)
    }
}

/// Built-in types have fixed identifiers, so that nothing is ever looked up. The tables use no others.
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
        Box::leak(Box::new(BuiltInTypes)) // It has no size, so that nothing is allocated.
    }

    fn from_any(any: &mut dyn Any) -> Option<&mut Lookup> {
        any.downcast_mut::<BuiltInTypes>().map(|lookup| lookup as _)
    }
}

/// The body once per database: for `ON CONFLICT` and for inserts of many rows, which a connection to either lacks.
macro_rules! each {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite($c) => $body,
            $crate::store::Conn::Postgres($c) => $body,
        }
    };
}
pub(super) use each;
