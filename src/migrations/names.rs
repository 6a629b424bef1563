//! Names and fragments that the steps share with the statements of the engine.

/// The document as it stands in the row, where SQL and JSON null are an empty one.
pub const PRESENT: &str = "CASE WHEN coalesce(jsonb_typeof(t.context_data), 'null') = 'null' THEN '{}'::jsonb ELSE t.context_data END";

/// The column of the status table that has the tags of runs.
pub const TAGS_COLUMN: &str = "flowcraft_tags";
/// SQL: the tags of a run by its `start`, which is a key of its record; null where it has none.
pub const TAGS_OF_START: &str = "CASE WHEN jsonb_typeof($START->'tags') = 'array' \
                                 THEN ARRAY(SELECT jsonb_array_elements_text($START->'tags')) END";

/// SQL: the blueprint that a run follows since a message has named it, by its record.
pub const NAMED_BLUEPRINT: &str = "context_data->'_flowcraft'->'blueprint'->>'id'";
/// SQL: the nodes that wait, as an array of ids; null where none does.
pub const WAITING: &str = "context_data->'_awaitingNodeIds'";
/// SQL: a person has paused the run, and it is not over.
pub const HALTED: &str = "context_data->'_flowcraft'->'ledger'->'halted' IS NOT NULL \
                          AND context_data->'_flowcraft'->'ledger'->>'status' IN ('running', 'awaiting')";
/// SQL, after a status: of a run that is over and has a reason.
pub const ENDED_BADLY: &str = "IN ('failed', 'cancelled')";

/// The quoted name of something that belongs to a table. PostgreSQL cuts names off after 63 bytes: a longer one ends
/// with a number made of all of it.
pub fn beside(table: &str, what: &str) -> String {
    let (schema, name) = table.rsplit_once("\".\"").unwrap_or(("", table));
    let name = name.trim_matches('"').replace("\"\"", "\"");
    let mut own = format!("{name}_{what}");
    if own.len() > LONGEST_NAME {
        let sum = name.bytes().fold(FNV_START, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(FNV_PRIME));
        let end = format!("_{sum:08x}_{what}");
        let kept = name.char_indices().map(|(index, _)| index);
        let kept = kept.take_while(|index| index + end.len() <= LONGEST_NAME).last().unwrap_or(0);
        own = format!("{}{end}", &name[..kept]);
    }
    let own = own.replace('"', "\"\"");
    if schema.is_empty() { format!("\"{own}\"") } else { format!("{schema}\".\"{own}\"") }
}

/// A quoted name without its schema. An index is named so when it is made, in the schema of its table.
pub fn without_schema(name: &str) -> String {
    name.rsplit_once("\".\"").map_or_else(|| name.to_owned(), |(_, name)| format!("\"{name}"))
}

const LONGEST_NAME: usize = 63;
/// Of the FNV-1a hash: the same in every version of this package.
const FNV_START: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_table_is_named_after_it() {
        assert_eq!(beside(r#""contexts""#, "journal"), r#""contexts_journal""#);
        assert_eq!(beside(r#""a.b"."c""d""#, "live"), r#""a.b"."c""d_live""#);
    }

    #[test]
    fn an_index_is_named_without_the_schema() {
        assert_eq!(without_schema(r#""a.b"."c_open""#), r#""c_open""#);
        assert_eq!(without_schema(r#""c_open""#), r#""c_open""#);
    }

    #[test]
    fn names_too_long_stay_apart() {
        let named = |last: &str| beside(&format!("\"s\".\"{}{last}\"", "ü".repeat(30)), "journal");
        assert!(named("a").len() <= LONGEST_NAME + r#""s"."""#.len());
        assert_ne!(named("a"), named("b"));
    }
}
