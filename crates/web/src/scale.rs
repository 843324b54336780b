//! The parameter `scale`: for a PNG, the number of pixels for each pixel of the SVG (`scale=3`); for a chart, the
//! spacing of counts on the axis (`scale=log`); for a chart as PNG, both (`scale=log,3`). Charts, the pages that show
//! them and the drawing of PNG read it here.

use crate::query::Query;
use tallymark_badge::chart::AxisScale;

/// The least and the most pixels.
const PIXELS: std::ops::RangeInclusive<u8> = 1..=4;

/// The parameter of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChartScale {
    pub(crate) axis: AxisScale,
    /// Only a PNG has them.
    pub(crate) pixels: Option<u8>,
}

/// The parameter of any other picture.
pub(crate) fn pixels(query: Query<'_>) -> Result<Option<u8>, String> {
    let Some(text) = query.text("scale").filter(|text| !text.is_empty()) else { return Ok(None) };
    let mistake = || format!("scale is {} to {}", PIXELS.start(), PIXELS.end());
    read_pixels(&text).map(Some).ok_or_else(mistake)
}

impl ChartScale {
    pub(crate) fn read(query: Query<'_>) -> Result<ChartScale, String> {
        let text = query.text("scale").unwrap_or_default();
        let (mut axis, mut pixels) = (None, None);
        for word in text.split(',').filter(|_| !text.is_empty()) {
            let of_axis = AxisScale::EVERY.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
            let again = match (of_axis, read_pixels(word)) {
                (Some((_, known)), _) => axis.replace(*known).is_some(),
                (None, Some(known)) => pixels.replace(known).is_some(),
                (None, None) => true,
            };
            if again {
                let (least, most) = (PIXELS.start(), PIXELS.end());
                return Err(format!("scale is linear or log, of a PNG also {least} to {most}: scale=log,2"));
            }
        }
        Ok(ChartScale { axis: axis.unwrap_or_default(), pixels })
    }
}

fn read_pixels(text: &str) -> Option<u8> {
    text.parse().ok().filter(|pixels| PIXELS.contains(pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_and_pixels_are_told_apart() {
        let read = |text: &str| ChartScale::read(Query::in_form(&format!("scale={text}")));
        let scale = |axis, pixels| Ok(ChartScale { axis, pixels });
        assert_eq!(read(""), scale(AxisScale::Linear, None));
        assert_eq!(read("LOG"), scale(AxisScale::Log, None));
        assert_eq!(read("3"), scale(AxisScale::Linear, Some(3)));
        for both in ["log,1", "1,log", "1%2Clog"] {
            assert_eq!(read(both), scale(AxisScale::Log, Some(1)), "{both}");
        }
        for wrong in ["logarithmic", "0", "5", "log,log", "log,linear", "2,3", "log,", ","] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(pixels(Query::in_form("scale=4")), Ok(Some(4)));
        assert_eq!(pixels(Query::in_form("scale=log")), Err("scale is 1 to 4".to_owned()));
    }
}
