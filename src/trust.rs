//! Whom encrypted connections trust, the same for all three servers and as in Node.js: the authorities of the system's store,
//! those of the file in `NODE_EXTRA_CA_CERTS`, and those of the option `ca`.
//!
//! A part of them that is missing or broken breaks nothing: a server that only it vouches for is not trusted, and the
//! connection says so.

use std::env;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls_native_certs::CertificateResult;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tracing::warn;

/// The file of further authorities, as Node.js knows it.
const EXTRA: &str = "NODE_EXTRA_CA_CERTS";
/// The length of a line of PEM.
const LINE: usize = 64;

/// The authorities of this machine.
pub fn of_machine() -> Vec<CertificateDer<'static>> {
    let CertificateResult { mut certs, errors, .. } = rustls_native_certs::load_native_certs();
    for error in errors {
        warn!(%error, "a part of the system's certificate store cannot be read");
    }
    if let Some(path) = env::var_os(EXTRA).filter(|path| !path.is_empty()) {
        match CertificateDer::pem_file_iter(path) {
            Ok(found) => certs.extend(found.filter_map(Result::ok)),
            Err(error) => warn!(%error, "the certificates of {EXTRA} cannot be read"),
        }
    }
    certs.retain(is_usable);
    certs
}

/// Some clients refuse a whole store for one certificate in it that they cannot use.
fn is_usable(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

/// Certificates as PEM.
pub fn as_pem(certificates: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for (index, sign) in STANDARD.encode(certificate).chars().enumerate() {
            if index > 0 && index.is_multiple_of(LINE) {
                text.push('\n');
            }
            text.push(sign);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_as_pem_is_read_the_same() {
        let certificates: Vec<CertificateDer<'static>> =
            [1, 47, 48, 49, 1000].map(|length| vec![7; length].into()).into();
        let text = as_pem(&certificates);
        assert!(text.lines().all(|line| line.len() <= LINE));
        let read: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(read, certificates);
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        assert!(!is_usable(&vec![1, 2, 3].into()));
    }
}
