//! Certificates for servers that tests start, signed by an authority of their own.

use crate::{TempDir, temp_dir};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// An authority and what it has signed, as PEM files.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// Makes an authority that no system trusts, and with it a certificate for `localhost` and 127.0.0.1, and one for a
    /// client.
    ///
    /// # Panics
    /// When the temporary directory cannot be written.
    pub fn make() -> Certificates {
        let dir = temp_dir();
        let mut params = CertificateParams::new([]).expect("no names are valid names");
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there is randomness");
        let authority = params.self_signed(&key).expect("a self-signed certificate");
        fs::write(dir.path().join("ca.pem"), authority.pem()).expect("the temporary directory is writable");
        let issuer = Issuer::new(params, key);
        for (file, names) in [("server", vec!["localhost", "127.0.0.1"]), ("client", vec!["client"])] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let key = KeyPair::generate().expect("there is randomness");
            let mut params = CertificateParams::new(names).expect("these names are valid");
            params.distinguished_name.push(DnType::CommonName, file);
            let signed = params.signed_by(&key, &issuer).expect("a signed certificate");
            let write = |end: &str, text: String| {
                fs::write(dir.path().join(format!("{file}.{end}")), text)
                    .expect("the temporary directory is writable");
            };
            write("pem", signed.pem());
            write("key", key.serialize_pem());
        }
        Certificates { dir }
    }

    /// One of `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}
