//! Differences as text, for the log of corrections: `[["hit","octo/hello",{"t":-5,"d20785":-5}]]`.

use super::{CountCell, Difference};
use crate::{ALL, Day, Event, Hour, Minute, Month, Name, OVERFLOW};
use std::collections::BTreeMap;

type OfName = (String, String, BTreeMap<String, i64>);

pub(super) fn write(differences: &[Difference]) -> String {
    let of_names = differences.chunk_by(|a, b| a.event == b.event && a.name == b.name);
    let of_names = of_names.filter_map(|of_name| {
        let first = of_name.first()?;
        let cells = of_name.iter().map(|difference| (word(&difference.cell), difference.by)).collect();
        Some((first.event.to_string(), first.name.as_str().to_owned(), cells))
    });
    let of_names: Vec<OfName> = of_names.collect();
    serde_json::to_string(&of_names).unwrap_or_default()
}

pub(super) fn read(text: &str) -> Option<Vec<Difference>> {
    let of_names: Vec<OfName> = serde_json::from_str(text).ok()?;
    let mut differences = Vec::new();
    for (event, name, cells) in of_names {
        let event = Event::new(event.as_bytes()).ok()?;
        let name = match name.as_str() {
            ALL => Name::all(),
            OVERFLOW => Name::overflow(),
            name => Name::of(event, name).ok()?,
        };
        for (cell, by) in cells {
            differences.push(Difference { event, name: name.clone(), cell: cell_of(&cell)?, by });
        }
    }
    differences.sort_unstable();
    Some(differences)
}

fn word(cell: &CountCell) -> String {
    match cell {
        CountCell::Total => "t".to_owned(),
        CountCell::Day(day) => format!("d{}", day.0),
        CountCell::Hour(hour) => format!("h{}", hour.0),
        CountCell::Minute(minute) => format!("m{}", minute.0),
        CountCell::Status(month, status) => format!("s{}:{status}", month.0),
    }
}

fn cell_of(word: &str) -> Option<CountCell> {
    let (kind, rest) = word.split_at_checked(1)?;
    Some(match kind {
        "t" if rest.is_empty() => CountCell::Total,
        "d" => CountCell::Day(Day(rest.parse().ok()?)),
        "h" => CountCell::Hour(Hour(rest.parse().ok()?)),
        "m" => CountCell::Minute(Minute(rest.parse().ok()?)),
        "s" => {
            let (month, status) = rest.split_once(':')?;
            CountCell::Status(Month(month.parse().ok()?), status.to_owned())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_come_back_as_they_were_written() {
        let (order, name) = (Event::new(b"order").unwrap(), Name::new("a \"b\"").unwrap());
        let of = |event, name: &Name, cell, by| Difference { event, name: name.clone(), cell, by };
        let mut differences = vec![
            of(Event::HIT, &name, CountCell::Total, -5),
            of(Event::HIT, &name, CountCell::Day(Day(-1)), 7),
            of(Event::HIT, &name, CountCell::Hour(Hour(498_840)), i64::MIN + 1),
            of(Event::HIT, &name, CountCell::Minute(Minute(29_930_400)), i64::MAX),
            of(Event::HIT, &Name::all(), CountCell::Total, -5),
            of(order, &Name::overflow(), CountCell::Status(Month(680), "a:b".to_owned()), 1),
            of(order, &name, CountCell::Status(Month(680), String::new()), 1),
        ];
        differences.sort_unstable();
        assert_eq!(read(&write(&differences)), Some(differences));
        assert_eq!(read("[]"), Some(Vec::new()));
        for text in
            ["", "{}", r#"[["hit","a",{"x1":1}]]"#, r#"[["Hit","a",{"t":1}]]"#, r#"[["hit","",{"t":1}]]"#]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
