//! Why nothing was fetched.

use std::{io, net::IpAddr, time::Duration};

/// Why nothing was fetched. A host is quoted as it was sent; paths and headers are not.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Neither http nor https, or without a host, or with a password in it.
    #[error("the address cannot be fetched: it must be http or https, with a host and without a password")]
    Address,
    /// The name server does not know the host, or does not answer.
    #[error("cannot look up {host:?}")]
    Unresolved {
        /// The host.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// The host is where no one of the public internet is.
    #[error("{host:?} is at {address}, which is not a public address")]
    Private {
        /// The host.
        host: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// Nothing listens there.
    #[error("cannot connect to {host:?}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// The system has no trusted certificates.
    #[error("there are no certificates to check servers with; install ca-certificates, or set SSL_CERT_FILE")]
    NoCertificates,
    /// The certificate is not trusted, or this is no TLS.
    #[error("no secure connection to {host:?}")]
    Insecure {
        /// The host.
        host: String,
        /// What TLS says.
        source: io::Error,
    },
    /// What answers does not speak HTTP, or stops in the middle.
    #[error("incomplete answer from {host:?}")]
    Broken {
        /// The host.
        host: String,
        /// What HTTP says.
        source: hyper::Error,
    },
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The answer is larger than anything that is wanted.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// Redirected too often, or to a forbidden address.
    #[error("redirected {0}")]
    Redirected(&'static str),
}
