//! The addresses and answers of the counters that Tallymark replaces, as their clients know them. ghit.me's addresses
//! are those of badges and pages.

pub(crate) mod bootic;
pub(crate) mod counters;
pub(crate) mod github_banners;
pub(crate) mod hitme;
mod moe_counter;
