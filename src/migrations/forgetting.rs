//! Step 5: entries of the journal go with their row. A row may be deleted, and its id used again: a run of that id begins
//! anew, and finds nothing of the one before.
//!
//! A trigger of the context table sees to it, whoever deletes a row. It has the rights of whoever migrates: who may delete a
//! row need not know of the journal.

use super::act::Act;
use super::facts::Facts;
use super::names::{beside, without_schema};

/// What the function and the trigger of a deleted row are called, after the table.
pub const FORGET: &str = "forget";
const FORGOTTEN: Forgotten = Forgotten { table: "journal", row: FORGET, all: "forget_all", collation: "" };

/// A table whose rows go with those of the context table, and what is called after that.
pub(super) struct Forgotten {
    /// The table itself.
    pub table: &'static str,
    /// The function, and the trigger of a deleted row.
    pub row: &'static str,
    /// The trigger of an emptied table.
    pub all: &'static str,
    /// SQL: how its ids are compared with those of the context table, if not in the way of that.
    pub collation: &'static str,
}

pub fn up(facts: &Facts) -> Vec<Act> {
    let statements = FORGOTTEN.up(facts, facts.forgets);
    if statements.is_empty() { Vec::new() } else { vec![Act::together(statements)] }
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let statements = FORGOTTEN.down(facts, facts.forgets);
    if statements.is_empty() { Vec::new() } else { vec![Act::together(statements)] }
}

impl Forgotten {
    /// What makes what is missing; whether the function is there.
    pub fn up(&self, facts: &Facts, forgets: bool) -> Vec<String> {
        let contexts = facts.contexts_anywhere();
        let (table, function) = (beside(&contexts, self.table), beside(&contexts, self.row));
        let mut statements = Vec::new();
        let [row, all] = self.triggers(facts).map(|name| (!facts.triggers.contains(&name)).then_some(name));
        if !forgets || row.is_some() || all.is_some() {
            statements.push(format!(
                "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
                 SET search_path = pg_catalog, pg_temp AS $flowcraft$ BEGIN \
                 IF to_regclass('{}') IS NULL THEN RETURN NULL; END IF; \
                 IF TG_OP = 'TRUNCATE' THEN DELETE FROM {table}; \
                 ELSE DELETE FROM {table} AS j WHERE j.run_id = OLD.run_id::text{}; END IF; \
                 RETURN NULL; END $flowcraft$",
                table.replace('\'', "''"),
                self.collation
            ));
        }
        let create = |name: String, when: &str, each: &str| {
            format!(
                "CREATE TRIGGER {name} AFTER {when} ON {contexts} FOR EACH {each} EXECUTE FUNCTION {function}()"
            )
        };
        statements.extend(row.map(|name| create(name, "DELETE", "ROW")));
        statements.extend(all.map(|name| create(name, "TRUNCATE", "STATEMENT")));
        statements
    }

    /// What takes away what is there; whether the function is.
    pub fn down(&self, facts: &Facts, forgets: bool) -> Vec<String> {
        let contexts = facts.contexts_anywhere();
        let is_there = |name: &String| facts.triggers.contains(name);
        let drop = |name: String| format!("DROP TRIGGER {name} ON {contexts}");
        let mut statements: Vec<String> =
            self.triggers(facts).into_iter().filter(is_there).map(drop).collect();
        if forgets {
            statements.push(format!("DROP FUNCTION {}()", beside(&contexts, self.row)));
        }
        statements
    }

    /// The quoted names of the triggers: of a deleted row, and of an emptied table.
    fn triggers(&self, facts: &Facts) -> [String; 2] {
        [self.row, self.all].map(|what| without_schema(&beside(facts.contexts(), what)))
    }
}
