//! What a step asks of PostgreSQL, and the statements it comes to.

/// How long a statement waits for locks that others hold: they wait behind it meanwhile.
pub const PATIENCE: &str = "10s";
/// How long a statement outside a transaction may take. It holds nobody up, and reads the whole table.
const LONGEST: &str = "10min";

/// A part of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Statements of one transaction: all of them, or none.
    Together(Vec<Statement>),
    /// A statement that PostgreSQL takes in no transaction. It waits for every transaction that writes to a table.
    Apart {
        /// The statement.
        sql: String,
        /// The quoted name of that table.
        table: String,
        /// What takes away what is left of the statement where it fails.
        undo: Option<String>,
    },
}

/// A statement of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// As it is.
    Sql(String),
    /// Once for each run that has entries, with what its journal comes to: $1 run, $2 keys to remove, $3 keys to set.
    Fold(String),
}

impl Act {
    /// One transaction.
    pub fn together<S: Into<String>>(statements: impl IntoIterator<Item = S>) -> Self {
        Self::Together(statements.into_iter().map(|sql| Statement::Sql(sql.into())).collect())
    }

    /// The statements in their order, as they are sent.
    pub fn sql(&self) -> Vec<String> {
        let inside: Vec<String> = match self {
            Self::Together(statements) => statements.iter().map(Statement::sql).collect(),
            Self::Apart { sql, .. } => vec![sql.clone()],
        };
        let all = [self.before(), inside, self.after()];
        all.into_iter().flatten().collect()
    }

    /// What is said before: how long the act may wait.
    pub fn before(&self) -> Vec<String> {
        match self {
            Self::Together(_) => {
                vec![
                    "BEGIN ISOLATION LEVEL READ COMMITTED".into(),
                    format!("SET LOCAL lock_timeout = '{PATIENCE}'"),
                ]
            }
            Self::Apart { .. } => vec![
                format!("SET lock_timeout = '{PATIENCE}'"),
                format!("SET statement_timeout = '{LONGEST}'"),
            ],
        }
    }

    /// What is said after it. Nothing stays on the connection.
    pub fn after(&self) -> Vec<String> {
        match self {
            Self::Together(_) => vec!["COMMIT".into()],
            Self::Apart { .. } => vec!["RESET statement_timeout".into(), "RESET lock_timeout".into()],
        }
    }
}

impl Statement {
    fn sql(&self) -> String {
        match self {
            Self::Sql(sql) => sql.clone(),
            Self::Fold(sql) => format!("{sql} /* once for each run that has entries */"),
        }
    }
}
