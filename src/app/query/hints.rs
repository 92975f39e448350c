//! Lines beside an answer that says less than was meant: flows that reach across the ends of
//! the time, and why nothing was found.

use std::ops::ControlFlow;

use super::{AppError, Session, tell};
use crate::archive::catalog::CatalogEntry;
use crate::flow::Time;
use crate::query::{ArchiveQuestion, QueryAnswer};
use crate::units::{rfc3339_in, short};

/// So many of the first and of the last files are read to find out what times an archive
/// holds: a flow is recorded when it is reported, so that the earliest and the latest flows are
/// in them.
const FILES_AT_AN_END: usize = 8;

impl Session {
    /// Tells what an answer leaves out or why it is empty.
    pub(super) fn hint(
        &self,
        question: &ArchiveQuestion,
        answer: &QueryAnswer,
    ) -> Result<(), AppError> {
        if let Some((flows @ 1.., bytes)) = answer.effort.across {
            let is_one = flows == 1;
            let reach = if is_one { "flow" } else { "flows" };
            let verb = if is_one { "reaches" } else { "reach" };
            tell(format_args!(
                "{flows} {reach}, {} bytes {verb} across the ends: --from/--to counts them",
                short(bytes)
            ));
        }
        let is_empty = answer.totals.all.is_none();
        if is_empty && !answer.effort.interrupted && answer.effort.problems.is_empty() {
            tell(self.why_nothing(question)?);
        }
        Ok(())
    }

    /// Why nothing matched, with the times that the files hold.
    fn why_nothing(&self, question: &ArchiveQuestion) -> Result<String, AppError> {
        let time = |time: Time| rfc3339_in(time, &self.zone);
        let Some((first, last)) = self.times_of_files()? else {
            return Ok("nothing found: the files hold no flows yet".to_owned());
        };
        let asked = match (question.from, question.to) {
            (None, None) => String::new(),
            (Some(from), None) => format!(" from {} on", time(from)),
            (None, Some(to)) => format!(" until {}", time(to)),
            (Some(from), Some(to)) => format!(" from {} to {}", time(from), time(to)),
        };
        let is_outside = question.from.is_some_and(|from| last < from)
            || question.to.is_some_and(|to| first > to);
        let what = match question.filter.is_any() || is_outside {
            true => format!("no flows{asked}"),
            false => format!("no flows match `{}`{asked}", question.filter),
        };
        let (first, last) = (time(first), time(last));
        Ok(format!("{what}: the files that were read hold flows from {first} to {last}"))
    }

    /// The begin of the earliest flow and the end of the latest one, from the first and the
    /// last files.
    fn times_of_files(&self) -> Result<Option<(Time, Time)>, AppError> {
        let all = &self.catalog.entries;
        let files: Vec<CatalogEntry> = match all.len() > 2 * FILES_AT_AN_END {
            true => {
                let last = all.len() - FILES_AT_AN_END;
                all[..FILES_AT_AN_END].iter().chain(&all[last..]).cloned().collect()
            }
            false => all.clone(),
        };
        let question = ArchiveQuestion::sums_of_everything();
        let answer = self.ask(&question, &files, &mut |_| ControlFlow::Continue(()))?;
        Ok(answer.totals.all.map(|all| (all.first, all.last)))
    }
}
