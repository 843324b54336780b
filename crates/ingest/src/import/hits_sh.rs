//! What hits.sh answers for one counter at `/api/urns/HOST/PATH`: how often it was shown on each day.
//!
//! How far it was counted is a position of the store, committed with the hits: the last day, and how much it had. Only that
//! day can have grown since, because hits.sh counts on the current day alone. So a later answer adds exactly what came
//! since, and the same answer nothing.

use super::named_instance;
use serde::Deserialize;
use std::collections::BTreeMap;
use tallymark_core::{Batch, Counts, Day, Entry, Event, Name, Position, When};
use thousands::Separable;
use uuid::Uuid;

/// The most days: what one batch can carry without holding up others. hits.sh is younger than that by far.
const MOST_DAYS: usize = 20_000;
const VERSION: &str = "1";
/// The state of the position where the counts of two counters were merged.
pub(crate) const MERGED: &str = "merged";

/// Why an answer is not imported.
#[derive(Debug, thiserror::Error)]
pub enum HitsShError {
    /// It is something else.
    #[error("it is not what hits.sh answers at /api/urns/HOST/PATH: {0}")]
    NoAnswer(String),
    /// The name has hits of another counter.
    #[error(
        "up to {0} this name has {1} from hits.sh, and here there are {2}: it is another counter, or it was reset. Nothing \
         was counted"
    )]
    AnotherCounter(String, String, String),
    /// It cannot be told which counter an answer belongs to.
    #[error(
        "two counters of hits.sh were merged into this name, so it is not known how far each was counted. Nothing was counted"
    )]
    Merged,
    /// The position is of a later version, or broken.
    #[error("the position {0} cannot be read")]
    Position(String),
}

#[derive(Deserialize)]
struct HitsShAnswer {
    total: u64,
    items: Vec<HitsShYear>,
}

#[derive(Deserialize)]
struct HitsShYear {
    data: Vec<HitsShDay>,
}

#[derive(Deserialize)]
struct HitsShDay {
    value: u64,
    day: String,
}

/// The days of one counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitsShDays(BTreeMap<Day, u64>);

/// How far a counter was brought here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HitsShKnown {
    last: Day,
    of_last: u64,
    /// On the days before.
    before: u64,
}

impl HitsShKnown {
    /// How much came from there in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.before.saturating_add(self.of_last)
    }

    fn read(state: &str) -> Option<HitsShKnown> {
        let mut words = state.split(' ');
        let is_known = words.next() == Some(VERSION);
        let last = Day::parse(words.next()?.as_bytes())?;
        let (of_last, before) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        (is_known && words.next().is_none()).then_some(HitsShKnown { last, of_last, before })
    }
}

impl HitsShDays {
    /// Reads an answer. Where hits.sh counts, it may be tomorrow already.
    ///
    /// # Errors
    ///
    /// It is none, its total is not the sum of its days, or it has days in the future: no later answer would fit.
    pub fn read(text: &[u8], today: Day) -> Result<HitsShDays, HitsShError> {
        let wrong = |why: String| HitsShError::NoAnswer(why);
        let answer: HitsShAnswer = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        let (mut days, mut sum) = (BTreeMap::new(), 0u64);
        for HitsShDay { value, day: text } in answer.items.into_iter().flat_map(|year| year.data) {
            let day = Day::parse(text.as_bytes()).ok_or_else(|| wrong(format!("{text:?} is no day")))?;
            sum = sum
                .checked_add(value)
                .filter(|&sum| i64::try_from(sum).is_ok())
                .ok_or_else(|| wrong(format!("up to {text}, its days have more than can be counted")))?;
            if day > Day(today.0.saturating_add(1)) {
                return Err(wrong(format!("{text} is in the future")));
            }
            if days.insert(day, value).is_some() {
                return Err(wrong(format!("{text} is there twice")));
            }
        }
        if days.len() > MOST_DAYS {
            return Err(wrong(format!("it has {} days", days.len().separate_with_commas())));
        }
        if sum != answer.total {
            let (total, sum) = (answer.total.separate_with_commas(), sum.separate_with_commas());
            return Err(wrong(format!("its total is {total}, and its days have {sum}")));
        }
        Ok(HitsShDays(days))
    }

    /// All that was counted there.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The first day and the last one.
    #[must_use]
    pub fn span(&self) -> Option<(Day, Day)> {
        Some((*self.0.first_key_value()?.0, *self.0.last_key_value()?.0))
    }

    fn until(&self, last: Day) -> u64 {
        self.0.range(..last).map(|(_, value)| value).sum()
    }

    /// What has come since.
    ///
    /// # Errors
    ///
    /// These are not the days that were counted before.
    pub fn since(&self, known: Option<HitsShKnown>) -> Result<BTreeMap<Day, u64>, HitsShError> {
        let Some(known) = known else { return Ok(self.fresh(None)) };
        let (before, of_last) = (self.until(known.last), self.0.get(&known.last).copied().unwrap_or(0));
        // An older answer of the same counter has less, and no later day.
        let is_older = self
            .span()
            .is_none_or(|(_, last)| last < known.last || last == known.last && of_last < known.of_last);
        let fits = match is_older {
            true => before <= known.before,
            false => before == known.before && of_last >= known.of_last,
        };
        if !fits {
            let [there, here] = if before == known.before {
                [known.total(), before.saturating_add(of_last)]
            } else {
                [known.before, before]
            };
            let [there, here] = [there, here].map(|number| number.separate_with_commas());
            return Err(HitsShError::AnotherCounter(known.last.to_string(), there, here));
        }
        Ok(self.fresh(Some(known)))
    }

    fn fresh(&self, known: Option<HitsShKnown>) -> BTreeMap<Day, u64> {
        let begin = known.map_or(Day(i32::MIN), |known| known.last);
        let mut fresh: BTreeMap<Day, u64> =
            self.0.range(begin..).map(|(day, value)| (*day, *value)).collect();
        if let Some(known) = known
            && let Some(value) = fresh.get_mut(&known.last)
        {
            *value = value.saturating_sub(known.of_last);
        }
        fresh.retain(|_, value| *value > 0);
        fresh
    }

    /// One batch: what has come `since`, and how far that is. A day that has not come yet in UTC counts today.
    #[must_use]
    pub fn batch(
        &self,
        (event, name): (Event, &Name),
        (instance, seq): (Uuid, u64),
        since: &BTreeMap<Day, u64>,
        today: Day,
    ) -> Batch {
        let entry = |(day, count): (&Day, &u64)| Entry {
            event,
            name: name.clone(),
            when: When::Day((*day).min(today)),
            count: *count,
        };
        let mut counts = Counts::folded(since.iter().map(entry).collect(), Vec::new());
        if let Some((_, last)) = self.span() {
            let of_last = self.0.get(&last).copied().unwrap_or(0);
            let state = format!("{VERSION} {last} {of_last} {}", self.until(last));
            counts.positions.push(Position { source: source(event, name), state });
        }
        Batch::of(instance, seq, counts)
    }
}

/// The position of a counter that comes to a name.
pub(crate) fn source(event: Event, name: &Name) -> String {
    format!("hits-sh:{event}:{name}")
}

/// Under which instance a counter comes to a name.
#[must_use]
pub fn hits_sh_instance(event: Event, name: &Name) -> Uuid {
    named_instance(&source(event, name))
}

/// How far it has come, by the positions of that instance.
///
/// # Errors
///
/// The position cannot be read.
pub fn hits_sh_known(
    event: Event,
    name: &Name,
    positions: &[(Uuid, Position)],
) -> Result<Option<HitsShKnown>, HitsShError> {
    let source = source(event, name);
    let Some((_, position)) = positions.iter().find(|(_, position)| position.source == source) else {
        return Ok(None);
    };
    if position.state == MERGED {
        return Err(HitsShError::Merged);
    }
    HitsShKnown::read(&position.state).map(Some).ok_or(HitsShError::Position(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-06-01.
    const TODAY: Day = Day(19_875);

    fn days(days: &[(&str, u64)]) -> HitsShDays {
        let data: Vec<_> =
            days.iter().map(|(day, value)| serde_json::json!({"day": day, "value": value})).collect();
        let total: u64 = days.iter().map(|(_, value)| value).sum();
        let answer =
            serde_json::json!({"total": total, "monthly": 0, "weekly": 0, "items": [{"data": data}]});
        HitsShDays::read(answer.to_string().as_bytes(), TODAY).unwrap()
    }

    fn known(of: &HitsShDays) -> HitsShKnown {
        let name = Name::new("github.com/o/r").unwrap();
        let batch = of.batch((Event::HIT, &name), (Uuid::nil(), 1), &BTreeMap::new(), Day(99_999));
        let positions =
            batch.positions.into_iter().map(|position| (Uuid::nil(), position)).collect::<Vec<_>>();
        hits_sh_known(Event::HIT, &name, &positions).unwrap().unwrap()
    }

    #[test]
    fn a_later_answer_adds_what_came_since() {
        let first = days(&[("2024-01-01", 3), ("2024-02-29", 2)]);
        assert_eq!(first.since(None).unwrap().values().sum::<u64>(), 5);
        let of_first = known(&first);
        assert_eq!(of_first.total(), 5);
        assert_eq!(first.since(Some(of_first)).unwrap(), BTreeMap::new());
        let later = days(&[("2024-01-01", 3), ("2024-02-29", 9), ("2024-03-01", 1)]);
        let since: Vec<_> =
            later.since(Some(of_first)).unwrap().into_iter().map(|(day, n)| (day.to_string(), n)).collect();
        assert_eq!(since, [("2024-02-29".to_owned(), 7), ("2024-03-01".to_owned(), 1)]);
        // Older answers have nothing new.
        for older in [days(&[("2024-01-01", 2)]), days(&[("2024-01-01", 3), ("2024-02-29", 1)]), days(&[])] {
            assert_eq!(older.since(Some(known(&later))).unwrap(), BTreeMap::new());
        }
        // Where hits.sh counts, it may be tomorrow.
        assert_eq!(days(&[("2024-06-02", 1)]).total(), 1);
        // Another counter, though it has less on that day.
        for another in [[("2024-01-01", 1), ("2024-02-29", 1)], [("2024-01-01", 3), ("2024-02-29", 1)]]
            .map(|two| [&two[..], &[("2024-03-01", 9)]].concat())
        {
            assert!(days(&another).since(Some(of_first)).is_err(), "{another:?}");
        }
        let another = days(&[("2024-01-01", 4), ("2024-03-01", 10)]);
        let told = another.since(Some(of_first)).unwrap_err().to_string();
        assert!(
            told.starts_with("up to 2024-02-29 this name has 3 from hits.sh, and here there are 4:"),
            "{told}"
        );
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for (text, why) in [
            ("", "EOF while parsing"),
            (r#"{"message":"12"}"#, "missing field `total`"),
            (
                r#"{"total":2,"items":[{"data":[{"value":1,"day":"2024-01-01"}]}]}"#,
                "its total is 2, and its days have 1",
            ),
            (
                r#"{"total":1,"items":[{"data":[{"value":1,"day":"2024-02-30"}]}]}"#,
                "\"2024-02-30\" is no day",
            ),
            (r#"{"total":-1,"items":[]}"#, "invalid value"),
            (
                r#"{"total":1,"items":[{"data":[{"value":1,"day":"2024-06-03"}]}]}"#,
                "2024-06-03 is in the future",
            ),
            (
                r#"{"total":2,"items":[{"data":[{"value":1,"day":"2024-01-01"},{"value":1,"day":"2024-01-01"}]}]}"#,
                "2024-01-01 is there twice",
            ),
            (
                r#"{"total":1,"items":[{"data":[{"value":9223372036854775807,"day":"2024-01-01"},{"value":9,"day":"2024-01-02"}]}]}"#,
                "more than can be counted",
            ),
        ] {
            let told = HitsShDays::read(text.as_bytes(), TODAY).unwrap_err().to_string();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
