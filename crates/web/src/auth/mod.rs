//! Who may see pages, read counts and write them: tokens, browser sessions, and a limit on wrong tokens. It draws
//! nothing; the login page is `pages::login`.

mod access;
mod meters;
mod patience;
mod peer;
mod sessions;

pub use access::{Access, Visibility};
pub(crate) use access::{Hidden, Viewer};
pub(crate) use meters::Login;
pub use meters::LoginMeters;
pub(crate) use peer::Peer;
pub(crate) use sessions::{COOKIE, LIFETIME};

/// Where the form to log in goes.
pub(crate) const LOGIN_PATH: &str = "/login";
