//! Who may see pages, read counts and write them: tokens, sessions of browsers, and how many wrong tokens an address may
//! send. Draws nothing; the page to log in with is `pages::login`.

mod access;
mod meters;
mod patience;
mod sessions;

pub use access::{Access, Visibility};
pub(crate) use access::{Hidden, Visitor};
pub(crate) use meters::Login;
pub use meters::LoginMeters;
pub(crate) use patience::Peer;
pub(crate) use sessions::{COOKIE, LIFETIME};

/// Where the form to log in goes: the one path whose handler asks for the [`Peer`].
pub(crate) const LOGIN_PATH: &str = "/login";
