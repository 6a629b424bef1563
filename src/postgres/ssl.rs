//! Encryption to PostgreSQL, with the options of `pg`. Certificates are verified unless the user says otherwise.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use serde::Deserialize;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};
use crate::trust;

const OPTION: &str = "pgClient.ssl";

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Never: the default of `pg`.
    #[default]
    Disable,
    /// Always, verified.
    Require,
    /// Always, not verified: only if the user says so (`sslmode=no-verify`, `rejectUnauthorized: false`).
    Unverified,
}

/// Encryption options, as JavaScript normalised them.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SslSettings {
    /// Whether to encrypt and to verify.
    pub mode: Mode,
    /// Certificate authorities to trust in place of the machine's, PEM.
    pub ca: Option<String>,
    /// The client's certificate chain, PEM.
    pub cert: Option<String>,
    /// The client's key, PEM.
    pub key: Option<String>,
}

/// A connection URL without the parameters for encryption: the settings already contain them.
pub(super) fn strip_from_url(url: &str) -> String {
    const STRIPPED: [&str; 7] =
        ["ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "uselibpqcompat"];
    let Some((base, query)) = url.split_once('?').filter(|_| url.contains("://")) else {
        return url.to_owned();
    };
    let name = |pair: &str| pair.split_once('=').map_or(pair, |(name, _)| name).to_owned();
    let kept: Vec<&str> = query.split('&').filter(|pair| !STRIPPED.contains(&name(pair).as_str())).collect();
    if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
}

/// The TLS connector; none if encryption is off.
pub(super) fn connector(settings: &SslSettings) -> Result<Option<MakeRustlsConnect>> {
    if settings.mode == Mode::Disable {
        return Ok(None);
    }
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::of_option(OPTION, error))?;
    let builder = if settings.mode == Mode::Unverified {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        builder.with_root_certificates(roots(settings.ca.as_deref())?)
    };
    let config = match settings.cert.as_deref().zip(settings.key.as_deref()) {
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|error| Error::of_option(OPTION, error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| Error::of_option(OPTION, error))?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn roots(ca: Option<&str>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in certificates(pem)? {
                roots.add(certificate).map_err(|error| Error::of_option(OPTION, error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(trust::of_machine());
        }
    }
    Ok(roots)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| Error::of_option(OPTION, format!("a certificate is not PEM: {error}")))
}

/// Accepts any certificate, for users who asked for exactly that.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
