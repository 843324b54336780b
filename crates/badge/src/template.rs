//! A badge drawn by the operator's own template instead of [`render`](crate::render).
//!
//! The template is a Jinja file with the variables of [`Values`]. Values are escaped, an unknown variable is an error,
//! and mistakes in a template are found when it is loaded: a template that parses is drawn twice as a test, and the
//! result must be an SVG document. Time and size are limited. The callers, the publisher and the HTTP server, read the
//! file, and keep the old template if the new one is refused.

use std::io;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};

use crate::{
    badge::Badge,
    number,
    text::{self, Fitted},
};

/// Largest picture in bytes. GitHub's image proxy takes 5 MiB; a badge this large is a mistake.
const MAX_OUTPUT: usize = 64 * 1024;

/// Most steps of the template engine for one badge. A plain badge takes about 100.
const MAX_STEPS: u64 = 100_000;

/// Widest text; the same limit the built-in badge has.
const MAX_TEXT: u32 = 400;

/// The one template of an environment goes by this name, so that it is escaped as an SVG whatever
/// its file is called.
const NAME: &str = "badge.svg";

const SVG: &str = "http://www.w3.org/2000/svg";

/// What a template can show.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `name`: what is counted, `owner/repo`.
    pub name: &'a str,
    /// `label`, `count` (the formatted number), `color`, `label_color`, and the widths of the boxes
    /// the built-in badge would draw: `label_width`, `value_width`, `width`.
    pub badge: Badge<'a>,
    /// `total`: the number itself.
    pub total: i64,
    /// `today`: hits of this day (UTC).
    pub today: i64,
}

/// Why a template was refused, or failed to draw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{at}: {reason}", at = line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TemplateError {
    /// The file as the caller named it.
    pub file: String,
    /// Line of the template, from 1, where one can be named.
    pub line: Option<usize>,
    /// What is wrong, in one line.
    pub reason: String,
}

/// An operator's template, known to draw a badge.
#[derive(Debug)]
pub struct Template {
    engine: Environment<'static>,
    file: String,
}

impl Template {
    /// Reads a template and draws two test badges with it. `file_name` is for errors.
    ///
    /// # Errors
    ///
    /// A syntax error, an unknown variable or filter, endless or oversized output, and output that is
    /// not a well-formed SVG document, even when a name contains `<`.
    pub fn parse(source: &str, file_name: &str) -> Result<Self, TemplateError> {
        let mut engine = Environment::new();
        // By default only .html, .htm and .xml are escaped.
        engine.set_auto_escape_callback(|_| AutoEscape::Html);
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_fuel(Some(MAX_STEPS));
        let added = engine.add_template_owned(NAME, source.to_owned());
        let template = Self { engine, file: file_name.to_owned() };
        added.map_err(|error| template.error(&error))?;
        template.try_out()?;
        Ok(template)
    }

    /// Draws a badge.
    ///
    /// # Errors
    ///
    /// If this badge, unlike the test badges, is empty, too large or takes too long.
    pub fn render(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        let badge = &values.badge;
        let layout = badge.layout();
        let shown = |text| Fitted::new(text, MAX_TEXT).shown();
        let variables = context! {
            name => text::clean(values.name).collect::<String>(),
            label => shown(badge.label),
            count => shown(badge.value),
            total => values.total,
            today => values.today,
            width => layout.width(),
            label_width => layout.label_width,
            value_width => layout.value_width,
            color => badge.color.to_string(),
            label_color => badge.label_color.to_string(),
        };
        let template = self.engine.get_template(NAME).map_err(|error| self.error(&error))?;
        let mut out = Bounded(Vec::new());
        template.render_captured_to(variables, &mut out).map_err(|error| self.error(&error))?;
        let mut svg = String::from_utf8(out.0).map_err(|_| self.reason("the output is not UTF-8"))?;
        if svg.trim().is_empty() {
            return Err(self.reason("the output is empty"));
        }
        // The engine takes one newline off the end of a template.
        if !svg.ends_with('\n') {
            svg.push('\n');
        }
        Ok(svg)
    }

    /// Draws an empty badge, and one with the most hostile texts.
    fn try_out(&self) -> Result<(), TemplateError> {
        let hostile = "</text><script>\"'&";
        for (name, label, total) in [("owner/repo", "hits", 0), (hostile, hostile, 1_234_567)] {
            let count = number::group(total);
            let values = Values { name, badge: Badge::new(label, &count), total, today: total };
            self.check_is_svg(&self.render(&values)?)?;
        }
        Ok(())
    }

    fn check_is_svg(&self, output: &str) -> Result<(), TemplateError> {
        let document = roxmltree::Document::parse(output).map_err(|error| {
            // Its line is one of the output, which need not be that of the template.
            self.reason(&format!("the output is not well-formed XML: {error} of the output"))
        })?;
        let root = document.root_element().tag_name();
        if root.name() != "svg" {
            return Err(self.reason("the output is not an SVG: its first element is not <svg>"));
        }
        // Without the namespace a browser shows a broken image.
        if root.namespace() != Some(SVG) {
            return Err(self.reason(&format!("<svg> lacks xmlns=\"{SVG}\"")));
        }
        if document.descendants().any(|node| node.tag_name().name() == "script") {
            return Err(self.reason("the output has a <script>, which no image may run"));
        }
        Ok(())
    }

    fn reason(&self, reason: &str) -> TemplateError {
        TemplateError { file: self.file.clone(), line: None, reason: reason.to_owned() }
    }

    fn error(&self, error: &minijinja::Error) -> TemplateError {
        let reason = match error.kind() {
            ErrorKind::OutOfFuel => "the template does not come to an end".to_owned(),
            ErrorKind::WriteFailure => format!("the output is larger than {} KiB", MAX_OUTPUT / 1024),
            kind => error.detail().map_or(kind.to_string(), |detail| format!("{kind}: {detail}")),
        };
        TemplateError { line: error.line(), ..self.reason(&reason) }
    }
}

/// A buffer that refuses to grow beyond [`MAX_OUTPUT`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wraps `body` into an SVG, on line 2.
    fn svg(body: &str) -> String {
        format!("<svg xmlns=\"{SVG}\" width=\"{{{{ width }}}}\">\n{body}\n</svg>\n")
    }

    #[track_caller]
    fn refused(source: &str, error: &str) {
        assert_eq!(Template::parse(source, "my.svg").map(|_| ()).unwrap_err().to_string(), error);
    }

    fn draw(body: &str, name: &str) -> String {
        let badge = Badge::new("hits", "1,234");
        Template::parse(&svg(body), "my.svg")
            .unwrap()
            .render(&Values { name, badge, total: 1234, today: 7 })
            .unwrap()
    }

    #[test]
    fn every_variable_is_there() {
        let drawn = draw(
            "{{ name }}|{{ label }}|{{ count }}|{{ total + 1 }}|{{ today }}|{{ color }}|{{ label_color }}\
             |{{ label_width + value_width }}",
            "a/b",
        );
        assert_eq!(
            drawn,
            format!(
                "<svg xmlns=\"{SVG}\" width=\"73\">\na&#x2f;b|hits|1,234|1235|7|#13b28a|#555|73\n</svg>\n"
            )
        );
    }

    #[test]
    fn values_are_escaped_and_cleaned() {
        assert!(draw("{{ name }}", "<b>\0&").contains("\n&lt;b&gt;&amp;\n"));
    }

    #[test]
    fn unknown_variable_is_refused_with_its_line() {
        refused(&svg("{{ cuont }}"), "my.svg:2: undefined value: `cuont` is undefined");
        // Even where only a large number leads there.
        refused(
            &svg("{% if total > 1000 %}{{ cuont }}{% endif %}"),
            "my.svg:2: undefined value: `cuont` is undefined",
        );
        refused(&svg("{{ count|frobnicate }}"), "my.svg:2: unknown filter: filter frobnicate is unknown");
    }

    #[test]
    fn syntax_error_is_refused_with_its_line() {
        refused(
            &svg("{% if total %}"),
            "my.svg:2: syntax error: unexpected end of input, expected end of block",
        );
    }

    #[test]
    fn output_that_is_no_svg_is_refused() {
        refused("", "my.svg: the output is empty");
        refused("{# nothing #}", "my.svg: the output is empty");
        refused(
            &svg("<g>"),
            "my.svg: the output is not well-formed XML: expected 'g' tag, not 'svg' at 3:1 of the output",
        );
        refused("<html/>", "my.svg: the output is not an SVG: its first element is not <svg>");
        refused("<svg/>", "my.svg: <svg> lacks xmlns=\"http://www.w3.org/2000/svg\"");
        refused(&svg("<script/>"), "my.svg: the output has a <script>, which no image may run");
    }

    #[test]
    fn template_that_does_not_escape_is_refused() {
        let error = Template::parse(&svg("<text>{{ name|safe }}</text>"), "my.svg").unwrap_err();
        assert!(error.reason.starts_with("the output is not well-formed XML"), "{error}");
    }

    #[test]
    fn endless_and_oversized_templates_are_refused() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        refused(&svg(endless), "my.svg:2: the template does not come to an end");
        let large = "{% for a in range(9999) %}1234567890{% endfor %}";
        refused(&svg(large), "my.svg: the output is larger than 64 KiB");
    }
}
