//! What goes wrong with a request, and how it is said.

pub(crate) mod not_json;
pub(crate) mod report;
