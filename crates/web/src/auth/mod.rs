//! Who may see pages, read counts and write them: tokens, browser sessions, and a limit on wrong tokens. It draws
//! nothing; the login page is `pages::login`.

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
