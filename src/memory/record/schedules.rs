//! The table of schedules, as the statements of PostgreSQL read and write it.

use super::contexts::{Contexts, ScheduleRow, refuse_unstorable};
use super::moment::Moment;
use super::store::TablesState;
use crate::error::Result;
use crate::mutants::{Mutant, makes};
use crate::ports::record::{Inserted, Insertion};
use crate::ports::scheduling::{
    FoundSchedules, NewSchedule, ScheduleSearch, ScheduleWrite, ScheduleWritten, StoredSchedule,
};
use crate::record::NewRun;

impl Contexts {
    /// The schedules that a search finds; none where there is no table for them.
    pub fn schedules(&self, search: &ScheduleSearch, now: u64) -> Option<FoundSchedules> {
        let table = self.schedules.as_ref()?;
        let stored = |(id, row): (&String, &ScheduleRow)| StoredSchedule {
            id: id.clone(),
            text: row.text.clone(),
            revision: row.revision,
        };
        let most = |limit: &i64| usize::try_from(*limit).unwrap_or(0);
        let schedules = match search {
            ScheduleSearch::One(id) => table.get_key_value(id).map(stored).into_iter().collect(),
            ScheduleSearch::Page { blueprint, after, limit } => {
                let later = table.iter().filter(|(id, _)| *id > after);
                let meant = later.filter(|(_, row)| blueprint.as_ref().is_none_or(|of| *of == row.blueprint));
                meant.take(most(limit)).map(stored).collect()
            }
            ScheduleSearch::Due { without_blueprints, without, limit } => {
                let is_meant = |(id, row): &(&String, &ScheduleRow)| {
                    row.due.is_some_and(|due| due <= now)
                        && !without.contains(id)
                        && !without_blueprints.contains(&row.blueprint)
                };
                let mut due: Vec<_> = table.iter().filter(is_meant).collect();
                due.sort_by_key(|(_, row)| row.due);
                due.into_iter().take(most(limit)).map(stored).collect()
            }
        };
        let next = table.values().filter_map(|row| row.due).filter(|due| *due > now).min();
        Some(FoundSchedules { at: now, schedules, next })
    }
}

impl TablesState<'_> {
    /// Changes a schedule and inserts runs, or does neither.
    pub fn write_schedule(
        &mut self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
        moment: Moment,
    ) -> Result<Option<ScheduleWritten>> {
        let Some(table) = &self.contexts.schedules else { return Ok(None) };
        let (id, is_possible) = match write {
            ScheduleWrite::Insert(new) => (new.id, !table.contains_key(new.id)),
            ScheduleWrite::Change(new, revision) => {
                let is_it = |row: &ScheduleRow| row.revision == *revision || makes(Mutant::AdvancesBlindly);
                (new.id, table.get(new.id).is_some_and(is_it))
            }
            ScheduleWrite::Remove(id) => (*id, table.contains_key(*id)),
        };
        if !is_possible {
            return Ok(Some(ScheduleWritten::default()));
        }
        let row = match write {
            ScheduleWrite::Remove(_) => None,
            ScheduleWrite::Insert(new) | ScheduleWrite::Change(new, _) => {
                refuse_unstorable(new.text)?;
                let NewSchedule { blueprint, text, due, .. } = *new;
                let revision = table.get(id).map_or(1, |row| row.revision + 1);
                Some(ScheduleRow { blueprint: blueprint.to_owned(), text: text.to_owned(), due, revision })
            }
        };
        let inserted = match runs {
            [] => Inserted::default(),
            runs => self.insert(runs, Insertion::Each, moment)?,
        };
        if let Some(table) = &mut self.contexts.schedules {
            match row {
                Some(row) => drop(table.insert(id.to_owned(), row)),
                None => drop(table.remove(id)),
            }
        }
        Ok(Some(ScheduleWritten { is_written: true, inserted }))
    }
}
