//! What a database says of the tables of a record, and of what was made beside them.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::migrations::{
    FORGET, FORGET_HISTORY, Facts, Index, IndexState, LargeColumn, OwnedIndex, Relation, RelationKind, beside,
};
use crate::postgres::connection::Connection;
use crate::postgres::session::Session;
use crate::postgres::sql::moment;
use crate::postgres::status_sql::Statements;

/// A table and its partitions, each after its parent: number, number of the parent, kind, quoted name.
const RELATIONS: &str = r#"
    WITH tree (relid, parent, level) AS (
        SELECT relid::oid, CASE WHEN level > 0 THEN parentrelid::oid END, level FROM pg_partition_tree(to_regclass($1))
        UNION SELECT to_regclass($1)::oid, NULL, 0)
    SELECT t.relid::bigint, t.parent::bigint, c.relkind::text,
        '"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"'
    FROM tree AS t JOIN pg_class AS c ON c.oid = t.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    ORDER BY t.level, c.relname"#;
/// $1 numbers of tables, $2 a column: for each table that has it, whether its type can be compressed, and how it is.
const COLUMNS: &str = "
    SELECT a.attrelid::bigint, t.typstorage <> 'p', a.attcompression = 'l' FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid::bigint = ANY($1) AND a.attname = $2::text AND NOT a.attisdropped";
/// $1 numbers of tables, $2 names of indexes, one for each: those that are there.
const INDEXES: &str = "
    SELECT g.relid, i.indisvalid AND i.indisready, EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)
    FROM unnest($1::bigint[], $2::text[]) AS g (relid, name) JOIN pg_index AS i
    ON i.indexrelid = to_regclass(g.name)::oid AND i.indrelid::bigint = g.relid";
/// $1 the quoted name of the context table, $2 and $3 those of functions: the schema of the table, the names of its triggers, and
/// which of the functions are there.
const TRIGGERS: &str = r#"
    SELECT '"' || replace(n.nspname, '"', '""') || '"', ARRAY(SELECT '"' || replace(g.tgname, '"', '""') || '"'
        FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal),
        to_regprocedure($2 || '()') IS NOT NULL, to_regprocedure($3 || '()') IS NOT NULL
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)"#;
/// The quoted schema of the extension that finds a part of a text.
const TRIGRAMS: &str = r#"
    SELECT '"' || replace(n.nspname, '"', '""') || '"' FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_trgm'"#;
const LZ4: &str = "SELECT coalesce(bool_or('lz4' = ANY(enumvals)), false) FROM pg_settings WHERE name = 'default_toast_compression'";

impl Session {
    /// Looks at everything that a migration concerns.
    pub(super) async fn facts(&self, client: &Connection) -> Result<Facts> {
        let table = self.contexts(client).await?;
        let (contexts, cast) = (table.sql.as_str(), table.ids.cast());
        let statuses = self.statuses()?;
        let Statements { table, status, results, reason, .. } = statuses.for_migrations(client).await?;
        let are_there = beside_contexts(client, contexts).await?;
        let [forget, forget_history] = [FORGET, FORGET_HISTORY].map(|what| beside(contexts, what));
        let triggers = client.only_row(TRIGGERS, &[&contexts, &forget, &forget_history]).await?;
        let mut facts = Facts {
            cast,
            schema: triggers.get(0),
            triggers: triggers.get(1),
            forgets: triggers.get(2),
            forgets_history: triggers.get(3),
            contexts: relations(client, contexts, Some("context_data"), OwnedIndex::OF_CONTEXTS).await?,
            statuses: relations(client, table, *results, OwnedIndex::OF_STATUSES).await?,
            reason: reason.clone(),
            trigrams: client.row(TRIGRAMS, &[]).await?.map(|row| row.get(0)),
            status: status.clone(),
            journal: are_there[0],
            live: are_there[1],
            workers: are_there[2],
            migrations: are_there[3],
            schedules: are_there[4],
            paused: are_there[5],
            history: are_there[6],
            throughput: are_there[7],
            tags: statuses.look_for_tags(client).await?,
            pooled: self.own_connections().is_pooled() == Some(true),
            lz4: client.only_row(LZ4, &[]).await?.get(0),
            ..Facts::default()
        };
        if facts.migrations {
            let recorded = format!(
                "SELECT step::bigint, (extract(epoch FROM done_at) * 1000)::bigint FROM {}",
                facts.migrations()
            );
            let rows = client.rows(&recorded, &[]).await?;
            let step = |row: &tokio_postgres::Row| {
                Some((u32::try_from(row.get::<_, i64>(0)).ok()?, moment(row, 1).unwrap_or_default()))
            };
            facts.recorded = rows.iter().filter_map(step).collect();
        }
        Ok(facts)
    }
}

async fn beside_contexts(client: &Connection, contexts: &str) -> Result<Vec<bool>> {
    let names = ["journal", "live", "workers", "migrations", "schedules", "paused", "history", "throughput"]
        .map(|what| beside(contexts, what))
        .to_vec();
    let look = "SELECT to_regclass(name) IS NOT NULL FROM unnest($1::text[]) WITH ORDINALITY AS g (name, place) ORDER BY place";
    let rows = client.rows(look, &[&names]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn relations(
    client: &Connection,
    table: &str,
    column: Option<&str>,
    owned: &[OwnedIndex],
) -> Result<Vec<Relation>> {
    let rows = client.rows(RELATIONS, &[&table]).await?;
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let place = |number: i64| numbers.iter().position(|other| *other == number);
    let relation = |row: &tokio_postgres::Row| Relation {
        sql: row.get(3),
        kind: match row.get::<_, &str>(2) {
            "r" => RelationKind::Table,
            "p" => RelationKind::Partitioned,
            _ => RelationKind::Other,
        },
        parent: row.get::<_, Option<i64>>(1).and_then(place),
        indexes: BTreeMap::new(),
        columns: Vec::new(),
    };
    let mut relations: Vec<Relation> = rows.iter().map(relation).collect();
    if let Some(first) = relations.first_mut() {
        // What belongs to the table itself is named as the user names it.
        table.clone_into(&mut first.sql);
    }
    if let Some(column) = column {
        for row in client.rows(COLUMNS, &[&numbers, &column]).await? {
            let found = LargeColumn { name: column.to_owned(), compressible: row.get(1), lz4: row.get(2) };
            if let Some(relation) = place(row.get(0)).and_then(|place| relations.get_mut(place)) {
                relation.columns.push(found);
            }
        }
    }
    for index in owned {
        let names = relations.iter().map(|relation| index.name(&relation.sql));
        for (number, state) in indexes(client, &numbers, names).await? {
            if let Some(relation) = place(number).and_then(|place| relations.get_mut(place)) {
                relation.indexes.insert(*index, state);
            }
        }
    }
    Ok(relations)
}

/// The indexes of tables that are there, by the numbers of those: each table's has one of the names.
async fn indexes(
    client: &Connection,
    numbers: &Vec<i64>,
    names: impl Iterator<Item = String>,
) -> Result<Vec<(i64, IndexState)>> {
    let rows = client.rows(INDEXES, &[numbers, &names.collect::<Vec<_>>()]).await?;
    let state = |row: &tokio_postgres::Row| {
        let index = if row.get(1) { Index::Valid } else { Index::Invalid };
        (row.get(0), IndexState { index, attached: row.get(2) })
    };
    Ok(rows.iter().map(state).collect())
}
