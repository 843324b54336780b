//! The bytes of counts that wait in the outbox: compact, sorted, and readable name by name.
//!
//! A block is a list of records, one per (event, name), ascending. Each record stands for itself, so reading can go on at
//! the start of any record. A merge of blocks is a block, in one pass and in little memory: that is what makes a long
//! outage cost names and minutes, not hits.
//!
//! ```text
//! record  = event-length u8, event, name-length varint, name, cells varint, cell...
//! cell    = when varint (minute * 2, or day * 2 + 1; zigzag), count varint
//! ```

use std::{cmp::Ordering, collections::BinaryHeap};
use tallymark_core::{ALL, Day, Entry, Event, Minute, Name, NameRef, OVERFLOW, When};

/// The bytes are not what [`encode`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record at byte {at} is damaged")]
pub(super) struct Damaged {
    pub(super) at: usize,
}

/// One record, borrowed from its block.
#[derive(Clone, Copy, Debug)]
struct Record<'a> {
    /// The event, a zero byte, the name: in the order of records.
    event: &'a [u8],
    name: &'a [u8],
    cells: usize,
    /// Where its cells start, and where the next record does.
    cells_at: usize,
    end: usize,
}

/// Writes sorted entries.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 28);
    for of_name in entries.chunk_by(|a, b| a.event == b.event && a.name == b.name) {
        let Some(first) = of_name.first() else { continue };
        let cells: Vec<(i64, u64)> = of_name.iter().map(|entry| (packed(entry.when), entry.count)).collect();
        push_record(&mut out, first.event.as_str().as_bytes(), first.name.as_str().as_bytes(), &cells);
    }
    out
}

/// Reads entries from byte `at` on: at least one record if there is one, then until there are `names` names or `cells`
/// entries. Answers them and where to go on.
pub(super) fn decode(
    block: &[u8],
    at: usize,
    names: usize,
    cells: usize,
) -> Result<(Vec<Entry>, usize), Damaged> {
    let mut entries = Vec::new();
    let (mut at, mut read) = (at, 0);
    while at < block.len() && read < names && entries.len() < cells {
        let record = record(block, at)?;
        let damaged = Damaged { at };
        let event = Event::new(record.event).map_err(|_| damaged)?;
        let name = name_of(event, record.name).ok_or(damaged)?;
        let mut cell_at = record.cells_at;
        for _ in 0..record.cells {
            let (packed, count) = cell(block, &mut cell_at).ok_or(damaged)?;
            entries.push(Entry { event, name: name.clone(), when: unpacked(packed).ok_or(damaged)?, count });
        }
        read += 1;
        at = record.end;
    }
    Ok((entries, at))
}

/// Adds up what stands in several blocks.
pub(super) fn merge(blocks: &[Vec<u8>]) -> Result<Vec<u8>, Damaged> {
    let mut heap = BinaryHeap::new();
    for block in blocks {
        if let Some(head) = Head::of(block, 0)? {
            heap.push(head);
        }
    }
    let mut out = Vec::with_capacity(blocks.iter().map(Vec::len).sum::<usize>() / 2);
    let mut cells: Vec<(i64, u64)> = Vec::new();
    while let Some(head) = heap.pop() {
        let (event, name) = (head.record.event, head.record.name);
        head.cells(&mut cells)?;
        if let Some(next) = Head::of(head.block, head.record.end)? {
            heap.push(next);
        }
        let more = heap.peek().is_some_and(|next| (next.record.event, next.record.name) == (event, name));
        if !more {
            add_up(&mut cells);
            push_record(&mut out, event, name, &cells);
            cells.clear();
        }
    }
    Ok(out)
}

/// How many occurrences a block stands for.
pub(super) fn hits(entries: &[Entry]) -> u64 {
    entries.iter().fold(0, |sum, entry| entry.count.saturating_add(sum))
}

/// The next record of a block, in the heap of a merge.
struct Head<'a> {
    block: &'a [u8],
    record: Record<'a>,
}

impl<'a> Head<'a> {
    fn of(block: &'a [u8], at: usize) -> Result<Option<Head<'a>>, Damaged> {
        if at >= block.len() { Ok(None) } else { Ok(Some(Head { block, record: record(block, at)? })) }
    }

    fn cells(&self, into: &mut Vec<(i64, u64)>) -> Result<(), Damaged> {
        let mut at = self.record.cells_at;
        for _ in 0..self.record.cells {
            into.push(cell(self.block, &mut at).ok_or(Damaged { at })?);
        }
        Ok(())
    }

    fn key(&self) -> (&'a [u8], &'a [u8]) {
        (self.record.event, self.record.name)
    }
}

// The heap hands out its largest, and the smallest name is wanted.
impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Head<'_> {}

fn add_up(cells: &mut Vec<(i64, u64)>) {
    cells.sort_unstable_by_key(|&(when, _)| order(when));
    cells.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
}

/// Minutes before days, as [`When`] is ordered.
fn order(packed: i64) -> (bool, i64) {
    (packed & 1 == 1, packed)
}

fn packed(when: When) -> i64 {
    match when {
        When::Minute(minute) => i64::from(minute.0) * 2,
        When::Day(day) => i64::from(day.0) * 2 + 1,
    }
}

fn unpacked(packed: i64) -> Option<When> {
    let number = i32::try_from(packed >> 1).ok()?;
    Some(if packed & 1 == 0 { When::Minute(Minute(number)) } else { When::Day(Day(number)) })
}

fn name_of(event: Event, bytes: &[u8]) -> Option<Name> {
    match bytes {
        bytes if bytes == OVERFLOW.as_bytes() => Some(Name::overflow()),
        bytes if bytes == ALL.as_bytes() => Some(Name::all()),
        bytes => NameRef::of(event, bytes).ok().map(Name::from),
    }
}

fn push_record(out: &mut Vec<u8>, event: &[u8], name: &[u8], cells: &[(i64, u64)]) {
    // An event has at most 32 bytes.
    out.push(event.len() as u8);
    out.extend_from_slice(event);
    push_varint(out, name.len() as u64);
    out.extend_from_slice(name);
    push_varint(out, cells.len() as u64);
    for &(when, count) in cells {
        push_varint(out, ((when << 1) ^ (when >> 63)) as u64);
        push_varint(out, count);
    }
}

fn record(block: &[u8], start: usize) -> Result<Record<'_>, Damaged> {
    let read = || {
        let mut at = start;
        let length = usize::from(*block.get(at)?);
        at += 1;
        let event = take(block, &mut at, length)?;
        let length = usize::try_from(varint(block, &mut at)?).ok()?;
        let name = take(block, &mut at, length)?;
        let cells = usize::try_from(varint(block, &mut at)?).ok()?;
        let cells_at = at;
        for _ in 0..cells {
            cell(block, &mut at)?;
        }
        Some(Record { event, name, cells, cells_at, end: at })
    };
    read().ok_or(Damaged { at: start })
}

fn cell(block: &[u8], at: &mut usize) -> Option<(i64, u64)> {
    let zigzag = varint(block, at)?;
    let when = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    Some((when, varint(block, at)?))
}

fn take<'a>(block: &'a [u8], at: &mut usize, length: usize) -> Option<&'a [u8]> {
    let bytes = block.get(*at..at.checked_add(length)?)?;
    *at += length;
    Some(bytes)
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint(block: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *block.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Plain = BTreeMap<(Event, Name, When), u64>;

    fn plain() -> impl Strategy<Value = Plain> {
        let name = prop_oneof![
            "[a-e]/[a-e]".prop_map(|text| Name::new(&text).unwrap()),
            Just(Name::overflow()),
            Just(Name::new("日本/語").unwrap()),
        ];
        let when = prop_oneof![
            any::<i32>().prop_map(|n| When::Minute(Minute(n))),
            (0i32..3).prop_map(|n| When::Minute(Minute(n))),
            (-2i32..3).prop_map(|n| When::Day(Day(n))),
        ];
        let event = "[ab]{1,2}".prop_map(|text| Event::new(text.as_bytes()).unwrap());
        let long = "[a-c/]{1,2}".prop_map(|text| Name::of(Event::URL, &text.repeat(1000)).unwrap());
        let key = prop_oneof![(event, name), long.prop_map(|name| (Event::URL, name))];
        let key = (key, when).prop_map(|((event, name), when)| (event, name, when));
        prop::collection::btree_map(key, 1..u64::MAX, 0..40)
    }

    fn entries(plain: &Plain) -> Vec<Entry> {
        let entry = |(&(event, ref name, when), &count): (&(Event, Name, When), &u64)| Entry {
            event,
            name: name.clone(),
            when,
            count,
        };
        plain.iter().map(entry).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_in_any_portions(plain in plain(), names in 1usize..5, cells in 1usize..9) {
            let entries = entries(&plain);
            let block = encode(&entries);
            let (mut read, mut at) = (Vec::new(), 0);
            while at < block.len() {
                let (portion, next) = decode(&block, at, names, cells).unwrap();
                prop_assert!(next > at && !portion.is_empty());
                read.extend(portion);
                at = next;
            }
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn merge_equals_a_plain_sum(parts in prop::collection::vec(plain(), 0..5)) {
            let blocks: Vec<Vec<u8>> = parts.iter().map(|part| encode(&entries(part))).collect();
            let mut sum = Plain::new();
            for (key, count) in parts.into_iter().flatten() {
                let total = sum.entry(key).or_insert(0u64);
                *total = total.saturating_add(count);
            }
            let merged = merge(&blocks).unwrap();
            prop_assert_eq!(decode(&merged, 0, usize::MAX, usize::MAX).unwrap().0, entries(&sum));
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(plain in plain(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut block = encode(&entries(&plain));
            if !block.is_empty() {
                let at = at.index(block.len());
                block[at] = byte;
                let _ = decode(&block, 0, usize::MAX, usize::MAX);
                let _ = merge(&[block.clone(), block[..at].to_vec()]);
            }
        }
    }
}
