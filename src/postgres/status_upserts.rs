//! The three ways in which a row of a status table is written, over the columns that the table has.

use super::upsert::{Shape, Upsert};
use crate::migrations::TAGS_COLUMN;

/// The columns in which the final result may be, the first that is there.
pub(super) const RESULTS: [&str; 2] = ["status_data", "result"];

/// A row that is written as its run goes on, ends, or begins.
///
/// $1 run, $2 status, $3 final result
pub(super) struct StatusUpserts<'a> {
    shape: &'a Shape<'a>,
    /// It goes on: the status alone.
    pub touch: Upsert<'a>,
    /// It has ended: the status and the final result.
    pub finish: Upsert<'a>,
    /// It begins: what a former run left is replaced.
    pub begin: Upsert<'a>,
}

impl<'a> StatusUpserts<'a> {
    /// Those of a table; none if it has no column for the status.
    pub fn of(shape: &'a Shape<'a>) -> Option<Self> {
        let [touch, finish, begin] = [(); 3].map(|()| Upsert::new(shape));
        let mut upserts = Self { shape, touch, finish, begin };
        upserts.set_status()?;
        upserts.set_result();
        upserts.replace_former_result();
        upserts.set_time();
        Some(upserts)
    }

    /// As `begin`, with the tags of a relation `c (tags)`.
    pub fn begin_tagged(&self) -> Upsert<'a> {
        let mut upsert = self.begin.clone();
        upsert.set(TAGS_COLUMN, "c.tags".to_owned());
        upsert
    }

    /// Where the final result goes: the README's table keeps it in `status_data`, the guide's in `result`.
    pub fn results(&self) -> Option<&'static str> {
        RESULTS.into_iter().find(|column| self.type_of(column).is_some())
    }

    /// SQL: why the run of a row failed or was cancelled. A column of texts may hold anything.
    pub fn reason(&self) -> Option<String> {
        let column = self
            .results()
            .filter(|column| self.type_of(column).is_some_and(|kind| kind.starts_with("json")))?;
        Some(format!("{column}::jsonb->>'reason'"))
    }

    /// SQL: the status of a row `t`.
    pub fn status(&self) -> &'static str {
        if self.type_of("status").is_some() { "t.status::text" } else { "t.status_data::jsonb->>'status'" }
    }

    fn type_of(&self, column: &str) -> Option<&'a str> {
        self.shape.table.columns.get(column).map(|column| column.kind.as_str())
    }

    fn set_status(&mut self) -> Option<()> {
        match (self.type_of("status"), self.type_of("status_data")) {
            (Some(status), data) => {
                for upsert in [&mut self.touch, &mut self.finish, &mut self.begin] {
                    upsert.set("status", format!("$2::text::{status}"));
                }
                if let Some(data) = data {
                    self.touch.set_on_insert("status_data", format!("{STATUS_OBJECT}::{data}"));
                }
            }
            (None, Some(data)) => self.touch.set("status_data", format!("{STATUS_OBJECT}::{data}")),
            (None, None) => return None,
        }
        Some(())
    }

    fn set_result(&mut self) {
        match self.results().and_then(|column| Some((column, self.type_of(column)?))) {
            Some((column, kind)) => self.finish.set(column, format!("$3::text::{kind}")),
            // No column for the result: only the status is stored. The statement must still use the parameter.
            None => self.finish.mention("$3::text"),
        }
        if !self.finish.sql().contains("$2") {
            self.finish.mention("$2::text");
        }
    }

    /// A row without a run may hold the result of a former one.
    fn replace_former_result(&mut self) {
        match (self.type_of("status_data"), self.type_of("result")) {
            (Some(kind), _) => {
                let data = format!("coalesce($3::text::jsonb, {STATUS_OBJECT})::{kind}");
                self.begin.set("status_data", data);
            }
            (None, Some(kind)) => self.begin.set("result", format!("$3::text::jsonb::{kind}")),
            (None, None) => {}
        }
    }

    fn set_time(&mut self) {
        let Some(moments) = &self.shape.moments else { return };
        for upsert in [&mut self.touch, &mut self.begin, &mut self.finish] {
            upsert.set("updated_at", moments.now());
        }
    }
}

/// SQL: the document of a run that has no result yet.
const STATUS_OBJECT: &str = "jsonb_build_object('status', $2::text)";
