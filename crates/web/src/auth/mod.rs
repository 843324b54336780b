//! Who can see pages, read counts and write them: tokens, browser sessions, limits on wrong tokens and on requests, and
//! signed requests. It draws nothing; the login page is `pages::login`.

mod access;
mod client_limit;
mod meters;
pub(crate) mod near;
mod patience;
mod peer;
mod sessions;
mod signed;

pub use access::{Access, Visibility};
pub(crate) use access::{Hidden, Viewer};
pub use client_limit::ClientLimit;
pub(crate) use meters::Login;
pub use meters::LoginMeters;
pub(crate) use peer::Peer;
pub(crate) use sessions::{COOKIE, LIFETIME};
pub use signed::Signatures;

/// Where the form to log in goes.
pub(crate) const LOGIN_PATH: &str = "/login";
