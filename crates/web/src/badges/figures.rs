//! Which numbers a badge shows: `show=hits|visits|visitors|likes`, `period=total|today|24h|7d|30d|month|year`, two of
//! them with `show=today,total`, and a `base` that is added to totals.
//!
//! Every number includes what this process has counted and the store does not have yet. An unknown word is refused,
//! because a badge that shows a number other than the intended one would be believed.

use super::dress::Dress;
use crate::{
    daily_visitors,
    error::Problem,
    query::{Query, choice},
    state::App,
    windows,
};
use tallymark_badge::{chart::ChartWords, number::group, panel::Lang};
use tallymark_core::{Event, Name, Now, Step};
use tallymark_store::StoreError;

/// More would not be a badge.
const MOST: usize = 2;

/// Words of `show`, and what they count.
const EVENTS: [(&str, Event); 3] = [("hits", Event::HIT), ("visits", Event::VISIT), ("likes", Event::LIKE)];

/// The largest `base`: more digits would look like a mistake.
const LARGEST_BASE: i64 = 1_000_000_000_000_000;

/// The part of a counter's life that a number covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Total,
    /// Since midnight (UTC).
    Today,
    Hours24,
    Days7,
    Days30,
    /// Since the first of the month.
    Month,
    /// Since the first of January.
    Year,
}

impl Reach {
    /// With the word in addresses.
    const EVERY: [(&str, Reach); 7] = [
        ("total", Reach::Total),
        ("today", Reach::Today),
        ("24h", Reach::Hours24),
        ("7d", Reach::Days7),
        ("30d", Reach::Days30),
        ("month", Reach::Month),
        ("year", Reach::Year),
    ];

    fn word(self) -> &'static str {
        Reach::EVERY.iter().find(|(_, reach)| *reach == self).map_or("total", |(word, _)| word)
    }

    /// Behind a label: `hits today`.
    fn after_label(self) -> &'static str {
        match self {
            Reach::Total => "",
            Reach::Today => " today",
            Reach::Hours24 => " in 24h",
            Reach::Days7 => " in 7d",
            Reach::Days30 => " in 30d",
            Reach::Month => " this month",
            Reach::Year => " this year",
        }
    }

    /// Before a number in a Chinese title: `今天浏览 12`.
    fn in_chinese(self) -> &'static str {
        match self {
            Reach::Total => "总计",
            Reach::Today => "今天",
            Reach::Hours24 => "过去 24 小时",
            Reach::Days7 => "过去 7 天",
            Reach::Days30 => "过去 30 天",
            Reach::Month => "本月",
            Reach::Year => "今年",
        }
    }

    /// Behind a number in the title: `12 today`.
    fn after_number(self) -> &'static str {
        match self {
            Reach::Total => " in total",
            Reach::Hours24 => " in the last 24 hours",
            Reach::Days7 => " in the last 7 days",
            Reach::Days30 => " in the last 30 days",
            Reach::Today | Reach::Month | Reach::Year => self.after_label(),
        }
    }
}

/// One number of a badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figure {
    of: Subject,
    reach: Reach,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Event(Event),
    /// Distinct visitors of a day.
    Visitors,
}

/// The numbers of a badge, one or two.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    shown: Vec<Figure>,
    base: i64,
}

/// What a badge says.
pub(crate) struct Wording {
    /// The usual label.
    pub(crate) label: String,
    pub(crate) value: String,
    /// The text for screen readers, where label and value alone would not do.
    pub(crate) title: Option<String>,
}

/// What a screen reader says of a picture: `hits: 1,234`, or the number alone where there is no label.
pub(crate) fn titled(label: &str, value: &str) -> String {
    if label.trim().is_empty() { value.to_owned() } else { format!("{label}: {value}") }
}

impl Figures {
    /// Reads them. `event` is the one that the address asks for.
    pub(crate) fn read(query: Query<'_>, event: Event) -> Result<Figures, String> {
        let period = query.text("period").map(|word| reach("period", &word)).transpose()?;
        let usual = Figure { of: Subject::Event(event), reach: period.unwrap_or(Reach::Total) };
        let named = query.get("event").map(|_| event);
        Figures::shown(query, usual, |word| usual.with(word, named, period))
    }

    /// The same for a badge with a line, whose `period` is the line's and whose line is of one event.
    pub(crate) fn of_spark(query: Query<'_>, event: Event) -> Result<Figures, String> {
        let usual = Figure { of: Subject::Event(event), reach: Reach::Total };
        Figures::shown(query, usual, |word| match EVENTS.iter().find(|(known, _)| *known == word) {
            Some((_, event)) => Err(format!("a line is of one event: use event={event}")),
            None => Ok(Figure { reach: reach("show", word)?, ..usual }),
        })
    }

    fn shown(
        query: Query<'_>,
        usual: Figure,
        read: impl Fn(&str) -> Result<Figure, String>,
    ) -> Result<Figures, String> {
        let shown = match query.text("show") {
            None => vec![usual],
            Some(words) => words.split(',').map(|word| read(word.trim())).collect::<Result<_, _>>()?,
        };
        if shown.len() > MOST {
            return Err(format!("show has at most {MOST} numbers"));
        }
        if let [one, other] = shown.as_slice()
            && one == other
        {
            return Err("show has the same number twice: leave one out".to_owned());
        }
        if shown.len() > 1 && query.text("digits").is_some_and(|theme| !theme.is_empty()) {
            return Err("image digits show one number, and show has two".to_owned());
        }
        let base = base(query)?;
        if base != 0 && shown.iter().all(|figure| figure.reach != Reach::Total) {
            return Err("base is added to a total, and none is shown".to_owned());
        }
        if base != 0 && shown.len() > 1 && shown.iter().all(|figure| figure.reach == Reach::Total) {
            return Err("base is added to one total, and two are shown: leave one out".to_owned());
        }
        Ok(Figures { shown, base })
    }

    /// What is wrong with `base`, whatever else is.
    pub(crate) fn wrong_base(query: Query<'_>) -> Option<String> {
        base(query).err()
    }

    /// Whether it is the total of hits alone, which counting answers.
    pub(super) fn is_total_of(&self, event: Event) -> bool {
        self.shown == [Figure { of: Subject::Event(event), reach: Reach::Total }]
    }

    /// The numbers of a name that has no room.
    pub(super) fn nothing(&self) -> Vec<i64> {
        vec![0; self.shown.len()]
    }

    /// The numbers, in order.
    pub(crate) async fn counts(&self, app: &App, name: &Name, now: Now) -> Result<Vec<i64>, Problem> {
        let mut counts = vec![0; self.shown.len()];
        // Totals last: hits that come in between must not make a part larger than the whole.
        for is_total in [false, true] {
            for (figure, count) in self.shown.iter().zip(&mut counts) {
                if (figure.reach == Reach::Total) == is_total {
                    *count = figure.count(app, name, now).await?;
                }
            }
        }
        Ok(counts)
    }

    /// The texts for these numbers. `hits` is the label of hits.
    pub(crate) fn say(&self, counts: &[i64], dress: &Dress, hits: &str) -> Wording {
        let numbers: Vec<String> = counts
            .iter()
            .zip(&self.shown)
            .map(|(&count, figure)| figure.text(count, self.base, dress))
            .collect();
        let label = self.label(hits);
        let title = match (self.shown.as_slice(), dress.label()) {
            ([_], _) => None,
            ([a, b], own) => {
                let named = |figure: &Figure, count: i64| match a.of == b.of {
                    true => String::new(),
                    false => format!(" {}", figure.noun(count, hits)),
                };
                let texts = self.shown.iter().zip(&numbers).zip(counts).map(|((figure, number), &count)| {
                    format!("{number}{}{}", named(figure, count), figure.reach.after_number())
                });
                let texts: Vec<String> = texts.collect();
                Some(titled(own.unwrap_or(&label), &texts.join(", ")))
            }
            _ => None,
        };
        Wording { label, value: numbers.join(" / "), title }
    }

    /// The numbers in Chinese, for screen readers. A label of the address is said as it is.
    pub(crate) fn in_chinese(&self, counts: Option<&[i64]>, dress: &Dress) -> String {
        let said = |(at, figure): (usize, &Figure)| {
            let number = counts.and_then(|counts| counts.get(at));
            let number = number.map_or("统计中".to_owned(), |&count| figure.text(count, self.base, dress));
            let noun = match &figure.of {
                Subject::Event(event) => ChartWords(Lang::Zh).noun(*event, 0),
                Subject::Visitors => "访客".to_owned(),
            };
            format!("{}{noun} {number}", figure.reach.in_chinese())
        };
        let said: Vec<String> = self.shown.iter().enumerate().map(said).collect();
        let said = said.join("，");
        match dress.label().filter(|label| !label.trim().is_empty()) {
            Some(label) => format!("{label}：{said}"),
            None => said,
        }
    }

    /// The texts while the numbers are not known.
    pub(crate) fn unknown(&self, hits: &str) -> Wording {
        Wording { label: self.label(hits), value: "counting".to_owned(), title: None }
    }

    /// The first number, with the base if it is a total.
    pub(crate) fn first(&self, counts: &[i64]) -> i64 {
        let base = self.shown.first().map_or(0, |figure| figure.base(self.base));
        counts.first().copied().unwrap_or(0).saturating_add(base)
    }

    /// The label where the address has none.
    pub(crate) fn label(&self, hits: &str) -> String {
        match self.shown.as_slice() {
            [a, b] if a.of == b.of => a.noun(0, hits).to_owned(),
            shown => {
                let texts: Vec<String> = shown
                    .iter()
                    .map(|figure| format!("{}{}", figure.noun(0, hits), figure.reach.after_label()))
                    .collect();
                texts.join(" / ")
            }
        }
    }
}

impl Figure {
    /// The same with what a word of `show` says: what is counted, in the plural, or a period. It must not contradict the
    /// `event` and the `period` of the address.
    fn with(self, word: &str, event: Option<Event>, period: Option<Reach>) -> Result<Figure, String> {
        let of_event = EVENTS.map(|(word, event)| (word, Figure { of: Subject::Event(event), ..self }));
        // The visitors of several days cannot be told apart, so there is no total of them.
        let reach = period.unwrap_or(Reach::Today);
        let of_visitors = [("visitors", Figure { of: Subject::Visitors, reach })];
        let of_reach = Reach::EVERY.map(|(word, reach)| (word, Figure { reach, ..self }));
        if let Some(ours) = meant(word) {
            return Err(format!("show={word}: did you mean {ours}?"));
        }
        let figure = choice("show", word, &[&of_event[..], &of_visitors, &of_reach].concat())?;
        if let Some(event) = event.filter(|&event| figure.of != Subject::Event(event)) {
            return Err(format!("event={event} and show={word} disagree: leave one out"));
        }
        let is_visitors = figure.of == Subject::Visitors;
        if let Some(period) = period.filter(|&period| figure.reach != period && !is_visitors) {
            return Err(format!("period={} and show={word} disagree: leave one out", period.word()));
        }
        match figure {
            Figure { of: Subject::Visitors, reach } if reach != Reach::Today => {
                Err("visitors are counted by the day: use period=today".to_owned())
            }
            figure => Ok(figure),
        }
    }

    /// `hits` is the label of hits, a plural that an operator has chosen.
    fn noun<'a>(&'a self, count: i64, hits: &'a str) -> &'a str {
        match &self.of {
            Subject::Event(Event::HIT) if count == 1 && !hits.ends_with("ss") => {
                hits.strip_suffix('s').unwrap_or(hits)
            }
            Subject::Event(Event::HIT) => hits,
            Subject::Event(event) => event.noun(count),
            Subject::Visitors if count == 1 => "visitor",
            Subject::Visitors => "visitors",
        }
    }

    /// A base is added to totals alone.
    fn base(self, base: i64) -> i64 {
        if self.reach == Reach::Total { base } else { 0 }
    }

    fn text(self, count: i64, base: i64, dress: &Dress) -> String {
        dress.format(count.saturating_add(self.base(base)))
    }

    async fn count(self, app: &App, name: &Name, now: Now) -> Result<i64, Problem> {
        let Figure { of: Subject::Event(event), reach } = self else {
            let today = now.day();
            let days = daily_visitors::read(&*app.store, name, today, today).await?;
            return Ok(daily_visitors::sum(&days));
        };
        if reach == Reach::Total {
            return Ok(app.shown_total(event, name.as_ref()).await?);
        }
        counted(app, event, name, reach, now).await
    }
}

/// How often a count and the total are read until they are of the same moment.
const ATTEMPTS: usize = 3;

/// What was counted in a period, with what is not in the store yet.
pub(super) async fn counted(
    app: &App,
    event: Event,
    name: &Name,
    reach: Reach,
    now: Now,
) -> Result<i64, Problem> {
    // What is not in the store yet is of today. A tick that is applied in between would be missing in one of the two, so
    // they are read again until none was. After a few times, it is missing for a moment, and never there twice.
    let stored = async {
        let mut before = app.store.total(event, name).await?;
        for _ in 0..ATTEMPTS {
            let count = in_store(app, event, name, reach, now).await?;
            let after = app.store.total(event, name).await?;
            if after == before {
                return Ok((count, after));
            }
            before = after;
        }
        Ok((in_store(app, event, name, reach, now).await?, app.store.total(event, name).await?))
    };
    let stored: Result<(i64, i64), StoreError> = stored.await;
    let total = app.shown_total(event, name.as_ref()).await;
    let (count, in_store) =
        stored.map_err(|error| Problem::store("reading the counts of a badge", &error))?;
    Ok(count.saturating_add(total?.saturating_sub(in_store).max(0)))
}

async fn in_store(app: &App, event: Event, name: &Name, reach: Reach, now: Now) -> Result<i64, StoreError> {
    let today = now.day();
    let sum = |step: Step, first: i32, last: i32| async move {
        let counts = app.store.series(event, name, step, first, last + 1).await?;
        Ok(windows::sum(&counts))
    };
    match reach {
        Reach::Total => app.store.total(event, name).await,
        Reach::Today => sum(Step::Day, today.0, today.0).await,
        Reach::Month => sum(Step::Day, today.month().first_day().0, today.0).await,
        Reach::Year => {
            let months = Step::Month.bucket(now.minute());
            sum(Step::Month, months - months.rem_euclid(12), months).await
        }
        Reach::Hours24 => windows::last_days(&*app.store, event, name, now, 1).await,
        Reach::Days7 => windows::last_days(&*app.store, event, name, now, 7).await,
        Reach::Days30 => windows::last_days(&*app.store, event, name, now, 30).await,
    }
}

fn reach(key: &str, word: &str) -> Result<Reach, String> {
    match meant(word) {
        Some(ours) => Err(format!("{key}={word}: did you mean {ours}?")),
        None => choice(key, word, &Reach::EVERY),
    }
}

/// Our word for a period that others call otherwise, also our own charts.
fn meant(word: &str) -> Option<&'static str> {
    const OTHERS: [(&str, &str); 8] = [
        ("all", "total"),
        ("alltime", "total"),
        ("1d", "24h"),
        ("day", "today"),
        ("daily", "today"),
        ("week", "7d"),
        ("weekly", "7d"),
        ("monthly", "month"),
    ];
    OTHERS.iter().find(|(other, _)| other.eq_ignore_ascii_case(word)).map(|&(_, ours)| ours)
}

fn base(query: Query<'_>) -> Result<i64, String> {
    match query.text("base") {
        None => Ok(0),
        Some(text) => {
            let base = text.parse().ok().filter(|base| (0..=LARGEST_BASE).contains(base));
            base.ok_or_else(|| format!("base is a whole number from 0 to {}", group(LARGEST_BASE)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Figures, String> {
        let query = Query::in_form(query);
        Figures::read(query, query.event()?)
    }

    fn figure(event: Event, reach: Reach) -> Figure {
        Figure { of: Subject::Event(event), reach }
    }

    #[test]
    fn words_of_show_are_events_and_periods() {
        let (hit, visit, like) = (Event::HIT, Event::VISIT, Event::LIKE);
        for (query, expect) in [
            ("", vec![figure(hit, Reach::Total)]),
            ("period=today", vec![figure(hit, Reach::Today)]),
            ("show=today,total", vec![figure(hit, Reach::Today), figure(hit, Reach::Total)]),
            ("show=visits%2Clikes", vec![figure(visit, Reach::Total), figure(like, Reach::Total)]),
            ("event=like&show=likes&period=7d", vec![figure(like, Reach::Days7)]),
            ("period=today&show=today", vec![figure(hit, Reach::Today)]),
            ("show=visits&period=7D", vec![figure(visit, Reach::Days7)]),
            (
                "show=visitors,total",
                vec![Figure { of: Subject::Visitors, reach: Reach::Today }, figure(hit, Reach::Total)],
            ),
            ("event=order&show=month,year", {
                let order = Event::new(b"order").unwrap();
                vec![figure(order, Reach::Month), figure(order, Reach::Year)]
            }),
        ] {
            assert_eq!(read(query).unwrap().shown, expect, "{query}");
        }
    }

    #[test]
    fn what_would_show_another_number_is_refused() {
        for (query, expect) in [
            ("show=visit", "show=visit: did you mean visits?"),
            ("show=", "show is one of hits, visits"),
            ("show=today,,total", "show is one of"),
            ("show=today,total,year", "show has at most 2 numbers"),
            ("show=total,hits", "show has the same number twice"),
            ("period=1y", "period is one of total, today, 24h"),
            ("period=tody", "period=tody: did you mean today?"),
            ("show=visitors&period=7d", "visitors are counted by the day"),
            ("base=-1", "base is a whole number"),
            ("base=1e9", "base is a whole number"),
            ("base=9999999999999999", "base is a whole number from 0 to 1,000,000,000,000,000"),
            ("base=5&period=today", "base is added to a total"),
            ("event=like&show=visits", "event=like and show=visits disagree: leave one out"),
            ("event=hit&show=visitors", "event=hit and show=visitors disagree: leave one out"),
            ("event=like&show=today,visits", "event=like and show=visits disagree: leave one out"),
            ("period=today&show=total", "period=today and show=total disagree: leave one out"),
            ("period=month&show=year", "period=month and show=year disagree: leave one out"),
            ("period=total&show=today,total", "period=total and show=today disagree: leave one out"),
            ("period=total&show=visitors", "visitors are counted by the day"),
            ("period=1d", "period=1d: did you mean 24h?"),
            ("period=week", "period=week: did you mean 7d?"),
            ("period=All", "period=All: did you mean total?"),
            ("show=week", "show=week: did you mean 7d?"),
        ] {
            let error = read(query).unwrap_err();
            assert!(error.starts_with(expect), "{query}: {error}");
        }
    }

    #[test]
    fn a_chinese_title_has_no_english_words() {
        let said = |query: &str, counts: Option<&[i64]>| {
            let dress = Dress::of_spark(Query::in_form(query)).unwrap();
            read(query).unwrap().in_chinese(counts, &dress)
        };
        assert_eq!(said("", Some(&[1_234])), "总计浏览 1,234");
        assert_eq!(said("show=today,total&base=5&label=mine", Some(&[1, 4])), "mine：今天浏览 1，总计浏览 9");
        assert_eq!(said("show=visitors", Some(&[3])), "今天访客 3");
        assert_eq!(said("event=like&show=7d", None), "过去 7 天点赞 统计中");
    }

    #[test]
    fn texts_say_what_each_number_is() {
        for (query, counts, label, value, title) in [
            ("", &[4][..], "views", "4", None),
            ("period=30d", &[4], "views in 30d", "4", None),
            ("show=likes", &[1_234], "likes", "1,234", None),
            ("show=visitors", &[1], "visitors today", "1", None),
            (
                "show=visitors,total",
                &[1, 9],
                "visitors today / views",
                "1 / 9",
                Some("visitors today / views: 1 visitor today, 9 views in total"),
            ),
            (
                "show=today,total&base=1000",
                &[2, 4],
                "views",
                "2 / 1,004",
                Some("views: 2 today, 1,004 in total"),
            ),
            (
                "show=visits,likes",
                &[1, 4],
                "visits / likes",
                "1 / 4",
                Some("visits / likes: 1 visit in total, 4 likes in total"),
            ),
            (
                "show=likes,hits",
                &[1, 1],
                "likes / views",
                "1 / 1",
                Some("likes / views: 1 like in total, 1 view in total"),
            ),
            ("show=today,total&label=me", &[2, 4], "views", "2 / 4", Some("me: 2 today, 4 in total")),
        ] {
            let dress = Dress::read(Query::in_form(query), &tallymark_badge::Look::default()).unwrap();
            let said = read(query).unwrap().say(counts, &dress, "views");
            assert_eq!(
                (said.label.as_str(), said.value.as_str(), said.title.as_deref()),
                (label, value, title)
            );
        }
    }
}
